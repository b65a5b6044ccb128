"""Two reward models share a fingerprint when nothing that decides their rewards differs, and only then."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

import tia2
from tia2.rewards import CrossEncoder, DualEncoder, FunctionReward
from tia2.rewards.families.clip.clip import ClipReward
from tia2.rewards.identity import identity


def fingerprint(reward) -> str:
    return identity(tia2.load_reward(reward)).fingerprint


class Signed:
    """A plain object that scores."""

    scale = 1.0

    def __init__(self, sign=1, note=None):
        self.sign = sign
        self.note = note

    def score(self, images, texts):
        return [self.sign * len(text) for text in texts]

    def other(self, images, texts):
        return [0.0 for _ in texts]


class Slotted:
    __slots__ = ("sign",)

    def __init__(self, sign):
        self.sign = sign

    def score(self, images, texts):
        return [self.sign] * len(texts)


class Dual(DualEncoder):
    fingerprint_excludes = ("calls",)

    def __init__(self, weight=1.0, calls=0):
        self.weight = weight
        self.calls = calls
        self.device = "cpu"

    def embed_images(self, prepared):
        return np.ones((len(prepared), 2)) * self.weight

    def embed_texts(self, texts):
        return np.ones((len(texts), 2))

    @functools.cached_property
    def derived(self):
        return [self.weight]


class Cross(CrossEncoder):
    def __init__(self, weight):
        self.weight = weight

    def embed_images(self, prepared):
        return list(prepared)

    def score_batch(self, image_features, texts):
        return [self.weight] * len(texts)


class Table(dict):
    def score(self, images, texts):
        return [self["a"]] * len(texts)


class Words(list):
    def __init__(self, word):
        self.word = word


@dataclass
class Settings:
    sign: int = 1
    words: list = field(default_factory=list)


def weighted(weight):
    def score(images, texts):
        return [weight] * len(texts)

    return score


def with_default(images, texts, *, factor=1):
    return [factor] * len(texts)


def network(seed, *, buffer=1.0, dropout=0.0, train=False):
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            generator = torch.Generator().manual_seed(seed)
            self.layer = torch.nn.Linear(2, 1)
            self.layer.weight = torch.nn.Parameter(torch.rand(1, 2, generator=generator))
            self.layer.bias = torch.nn.Parameter(torch.zeros(1))
            self.drop = torch.nn.Dropout(dropout)
            self.register_buffer("hidden", torch.tensor(buffer), persistent=False)

        def score(self, images, texts):
            return [float(self.layer.weight.sum())] * len(texts)

    return Network().train(train)


def transformed(factor):
    import torch

    class Scaled(torch.nn.Module):
        def forward(self, x):
            return x * factor

    return torch.fx.symbolic_trace(Scaled())


def tensor(*values, dtype=None):
    import torch

    return torch.tensor(values, dtype=dtype or torch.float32)


def without_source(text):
    scope = {}
    exec(text, scope)
    return scope["f"]


FIRST, SECOND = (lambda images, texts: [1.0] * len(texts)), (lambda images, texts: [2.0] * len(texts))  # fmt: skip

DIFFERENT = {
    "constructor argument": lambda: (Signed(1), Signed(-1)),
    "attribute": lambda: (Signed(note="a"), Signed(note="b")),
    "attribute in a dictionary": lambda: (Signed(note={"a": [1]}), Signed(note={"a": [2]})),
    "attribute of an attribute": lambda: (Signed(note=Settings(1)), Signed(note=Settings(2))),
    "array": lambda: (Signed(note=np.arange(3)), Signed(note=np.array([0, 1, 3]))),
    "array's type": lambda: (Signed(note=np.arange(3)), Signed(note=np.arange(3.0))),
    "mask of an array": lambda: tuple(Signed(note=np.ma.array([1, 2], mask=mask)) for mask in ([0, 1], [1, 0])),
    "array of objects": lambda: (Signed(note=np.array(["a", None])), Signed(note=np.array(["b", None]))),
    "tensor": lambda: (Signed(note=tensor(1.0)), Signed(note=tensor(2.0))),
    "tensor of two bytes": lambda: tuple(
        Signed(note=tensor(value, dtype=__import__("torch").bfloat16)) for value in (1.0, 1.5)
    ),
    "items of a dictionary's class": lambda: (Signed(note=Table(a=1)), Signed(note=Table(a=2))),
    "attribute of a list's class": lambda: (Signed(note=Words("a")), Signed(note=Words("b"))),
    "reward of a dictionary's class": lambda: (Table(a=1), Table(a=2)),
    "set": lambda: (Signed(note={"a", "b"}), Signed(note={"a", "c"})),
    "slot": lambda: (Slotted(1), Slotted(2)),
    "number's type": lambda: (Signed(1), Signed(True)),
    "object of a bound method": lambda: (Signed(1).score, Signed(-1).score),
    "bound method": lambda: (Signed(1).score, Signed(1).other),
    "dual encoder's attribute": lambda: (Dual(1.0), Dual(2.0)),
    "cross-encoder's attribute": lambda: (Cross(1.0), Cross(2.0)),
    "parameters": lambda: (network(0), network(1)),
    "buffer that isn't saved": lambda: (network(0, buffer=1.0), network(0, buffer=2.0)),
    "dropout": lambda: (network(0, dropout=0.0), network(0, dropout=0.5)),
    "mode": lambda: (network(0, train=False), network(0, train=True)),
    "code of a network that was transformed": lambda: (Signed(note=transformed(1)), Signed(note=transformed(2))),
    "network within": lambda: (Signed(note=network(0)), Signed(note=network(1))),
    "closure": lambda: (weighted(1), weighted(2)),
    "array in a closure": lambda: (weighted(np.ones(1)), weighted(np.zeros(1))),
    "list in a closure": lambda: (weighted([1]), weighted([2])),
    "partial": lambda: (functools.partial(with_default, factor=2), functools.partial(with_default, factor=3)),
    "constant without source": lambda: tuple(
        without_source(f"def f(images, texts):\n    return [{number}.5] * len(texts)") for number in (1, 2)
    ),
    "constant of an inner function": lambda: tuple(
        without_source(f"def f(images, texts):\n    return list(map(lambda text: {number}.5, texts))")
        for number in (1, 2)
    ),
    "two lambdas on one line": lambda: (FIRST, SECOND),
    "reward within": lambda: (Signed(note=Dual(1.0)), Signed(note=Dual(2.0))),
    "argument of a function with a stated name": lambda: (
        FunctionReward(weighted(1), name="x"),
        FunctionReward(weighted(2), name="x"),
    ),
}

SAME = {
    "made twice": lambda: (Signed(1, {"a": np.ones(2)}), Signed(1, {"a": np.ones(2)})),
    "networks made twice": lambda: (network(0), network(0)),
    "closures made twice": lambda: (weighted([1, (2, "x")]), weighted([1, (2, "x")])),
    "order of a set": lambda: (Signed(note=set("abcdef")), Signed(note=set("fedcba"))),
    "excluded attribute": lambda: (Dual(calls=0), Dual(calls=9)),
    "locks": lambda: (Signed(note=threading.Lock()), Signed(note=threading.Lock())),
    "cycles": lambda: tuple(cyclic() for _ in range(2)),
    "without source": lambda: tuple(without_source("def f(images, texts):\n    return [1.0]") for _ in range(2)),
}


def cyclic():
    reward = Signed(note=[1])
    reward.note.append(reward)
    return reward


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_decides_a_reward_decides_the_fingerprint(case):
    first, second = DIFFERENT[case]()
    assert fingerprint(first) != fingerprint(second)
    assert not identity(tia2.load_reward(first)).undigested


@pytest.mark.parametrize("case", SAME)
def test_what_decides_nothing_changes_nothing(case):
    first, second = SAME[case]()
    assert fingerprint(first) == fingerprint(second)
    assert not identity(tia2.load_reward(first)).undigested


def test_state_that_changes_later_changes_the_fingerprint():
    reward = Signed(1)
    model = tia2.load_reward(reward)
    before = model.fingerprint
    reward.sign = -1
    assert model.fingerprint != before
    reward.sign = 1
    assert model.fingerprint == before
    monkey = type("Other", (Signed,), {"scale": 2.0})
    assert fingerprint(monkey()) != fingerprint(type("Other", (Signed,), {"scale": 3.0})())


def test_what_is_derived_or_where_it_runs_does_not_count():
    plain, used = Dual(), Dual()
    assert used.derived == [1.0]
    used.device, used.batch_size = "cuda", 3
    assert plain.fingerprint == used.fingerprint


def test_what_cannot_be_looked_into_is_named(tmp_path):
    with (tmp_path / "x").open("w") as file:
        names = identity(tia2.load_reward(Signed(note={"log": file}))).undigested
        assert names == ("note['log'] (_io.TextIOWrapper)",)
        assert identity(tia2.load_reward(weighted(file))).undigested == ("score's weight (_io.TextIOWrapper)",)
        assert not identity(FunctionReward(weighted(file), fingerprint="mine")).undigested
    assert identity(FunctionReward(with_default, fingerprint="mine")).fingerprint == "mine"


def test_a_class_derived_from_a_built_in_one_is_another_model(clip_folder):
    class Doubled(ClipReward):
        def __init__(self, *words, factor=2, **options):
            super().__init__(*words, **options)
            self.factor = factor

        def similarity(self, image_features, text_features):
            return self.factor * super().similarity(image_features, text_features)

    plain, double, triple = (
        ClipReward(clip_folder, device="cpu"),
        Doubled(clip_folder, device="cpu"),
        Doubled(clip_folder, factor=3, device="cpu"),
    )
    assert len({reward.fingerprint for reward in (plain, double, triple)}) == 3
    assert double.fingerprint == Doubled(clip_folder, device="cpu", batch_size=2).fingerprint


REWARD = """
import json
from pathlib import Path
import numpy as np
import {helper} as helper

SCALE = 2.0
TABLE = {{"a": 1}}

def scaled(images, texts):
    return [SCALE * helper.factor() for _ in texts]

class Mine:
    words = frozenset({{"a", "b", "c", "d"}})
    def __init__(self, sign=1, weights=None):
        self.sign = sign
        self.kept = json.loads(Path(weights).read_text())["scale"] if weights else None
        self.array = np.arange(4) * 1.5
    def score(self, images, texts):
        return [self.sign * len(text) for text in texts]

class Forgets:
    def __init__(self, weights):
        Path(weights).read_bytes()
    def score(self, images, texts):
        return [0.0] * len(texts)
"""


@pytest.fixture
def written(tmp_path, monkeypatch, request):
    """A function that writes a reward and the file that it imports, with changes, into a folder of their own."""
    helper = f"helper_{request.node.name.translate(str.maketrans('[]- ,.', '______'))}"
    monkeypatch.syspath_prepend(tmp_path)

    def write(reward=("", ""), imported=("", ""), folder=tmp_path):
        monkeypatch.delitem(sys.modules, helper, raising=False)
        folder.mkdir(exist_ok=True)
        (tmp_path / f"{helper}.py").write_text("def factor():\n    return 1.0\n".replace(*imported))
        (folder / "mine.py").write_text(REWARD.format(helper=helper).replace(*reward))
        return folder / "mine.py"

    return write


@pytest.mark.parametrize("name", ["scaled", "Mine"])
@pytest.mark.parametrize(
    "change",
    [
        {"reward": ("SCALE = 2.0", "SCALE = 3.0")},
        {"reward": ('{"a": 1}', '{"a": 2}')},
        {"reward": ("helper.factor()", "-helper.factor()")},
        {"imported": ("1.0", "2.0")},
    ],
    ids=["constant", "table", "code", "imported file"],
)
def test_the_whole_file_and_what_it_imports_count(written, name, change):
    before = identity(tia2.load_reward(f"{written()}:{name}"))
    assert identity(tia2.load_reward(f"{written()}:{name}")) == before
    assert identity(tia2.load_reward(f"{written(**change)}:{name}")).fingerprint != before.fingerprint


def test_options_and_files_that_the_constructor_reads_count(written, tmp_path):
    weights = tmp_path / "weights.json"
    weights.write_text('{"scale": 1, "unused": 1}')
    spec = f"{written()}:Mine"
    plain = tia2.load_reward(spec)
    fingerprints = [identity(plain).fingerprint, identity(tia2.load_reward(spec, sign=-1)).fingerprint]
    for name in ("Mine", "Forgets"):
        for content in ('{"scale": 1, "unused": 1}', '{"scale": 1, "unused": 2}'):
            weights.write_text(content)
            reward = tia2.load_reward(f"{tmp_path / 'mine.py'}:{name}", weights=str(weights))
            fingerprints.append(identity(reward).fingerprint)
    assert len(set(fingerprints)) == 6
    assert "option sign" in identity(tia2.load_reward(spec, sign=-1)).parts


READS = {
    "variable": 'os.environ.get("REWARD_SIGN")',
    "variable by another name": 'getenv("REWARD_SIGN")',
    "variable of the machine": 'os.environ["HF_HOME"]',
    "file": 'open("scale.txt").read()',
    "file beside the code": '(Path(__file__).parent / "scale.txt").read_text()',
    "log": 'open("scale.txt", "a")',
}


@pytest.mark.parametrize("case", READS)
def test_what_is_read_with_each_call_counts(tmp_path, monkeypatch, case):
    """The code says it: the value of a variable, and the content of a file, when the reward was made."""
    monkeypatch.chdir(tmp_path)
    begin = "import os\nfrom os import getenv\nfrom pathlib import Path\n\n"
    code = f"{begin}def score(images, texts):\n    return [float(len({READS[case]}))] * len(texts)\n"
    (tmp_path / "reads.py").write_text(code)

    def digested(content, sign):
        (tmp_path / "scale.txt").write_text(content)
        monkeypatch.setenv("REWARD_SIGN", sign)
        monkeypatch.setenv("HF_HOME", f"/somewhere/{sign}")
        return identity(tia2.load_reward("reads.py:score"))

    first = digested("1", "1")
    assert digested("1", "1") == first
    assert (digested("1", "-1") != first) == (case in ("variable", "variable by another name"))
    assert (digested("2", "1") != first) == (case in ("file", "file beside the code"))


def test_an_installed_package_counts_with_all_its_files(tmp_path, monkeypatch):
    from tia2.rewards.registry import REWARDS

    site = tmp_path / "site-packages"
    package = site / "packaged_reward"
    package.mkdir(parents=True)
    (site / "packaged_reward-1.dist-info").mkdir()
    (site / "packaged_reward-1.dist-info" / "METADATA").write_text("Name: packaged_reward\nVersion: 1\n")
    (site / "packaged_reward-1.dist-info" / "entry_points.txt").write_text(
        "[tia2.rewards]\npackaged = packaged_reward:Reward\n"
    )
    code = "from .inner import SCALE\nclass Reward:\n    def score(self, images, texts): return [SCALE] * len(texts)\n"
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(site)
    fingerprints = set()
    for scale in (1, 2, 2):
        for name in [name for name in sys.modules if name.startswith("packaged_reward")]:
            monkeypatch.delitem(sys.modules, name)
        (package / "inner.py").write_text(f"SCALE = {scale}  # {'x' * scale}\n")
        REWARDS.refresh()
        fingerprints.add(fingerprint("packaged"))
    REWARDS.refresh()
    assert len(fingerprints) == 2


def test_a_file_that_changed_after_it_was_imported_is_named(tmp_path, monkeypatch):
    path = tmp_path / "edited_later.py"
    path.write_text("def score(images, texts):\n    return [1.0] * len(texts)\n")
    monkeypatch.syspath_prepend(tmp_path)
    import edited_later

    assert not identity(tia2.load_reward(edited_later.score)).undigested
    path.write_text("def score(images, texts):\n    return [2.0] * len(texts)\n")
    names = identity(tia2.load_reward(edited_later.score)).undigested
    assert names == ("edited_later.py (changed since it was imported; start Python again)",)


def test_a_fingerprint_stays_in_other_processes_and_folders(written, tmp_path):
    code = textwrap.dedent("""
        import sys
        import tia2
        from tia2.rewards.identity import identity
        print(identity(tia2.load_reward(sys.argv[1], sign=2)).fingerprint)
    """)
    fingerprints = set()
    for seed, folder in (("1", tmp_path / "a"), ("2", tmp_path / "b")):
        spec = f"{written(folder=folder)}:Mine"
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-c", code, spec], capture_output=True, text=True, env=environment, check=True
        )
        fingerprints.add(done.stdout)
    assert len(fingerprints) == 1


def test_the_conformance_check_warns_of_caches_and_of_what_is_not_covered(tmp_path):
    from tia2.rewards import conformance

    class Counts(Dual):
        fingerprint_excludes = ()

        def embed_texts(self, texts):
            self.calls += 1
            return np.random.default_rng(0).normal(size=(len(texts), 2))

    def warnings_of(reward):
        report = conformance.check(reward, only=["fingerprint"])
        assert report.passed
        return " ".join(report["fingerprint"].warnings)

    assert "changes with scoring, by attribute calls: name caches and counters" in warnings_of(Counts())
    with (tmp_path / "x").open("w") as file:
        reward = Dual()
        reward.log = file
        assert "doesn't cover log (_io.TextIOWrapper)" in warnings_of(reward)


def test_a_released_model_that_one_s_own_code_changes_is_another(tmp_path, clip_folder):
    weights = tmp_path / "lora.bin"
    path = tmp_path / "tuned.py"
    path.write_text(
        "from pathlib import Path\nimport tia2\n\n"
        "def tuned(*, folder, lora, scale=1.0):\n"
        "    reward = tia2.load_reward('clip:' + folder, device='cpu')\n"
        "    reward.merged = Path(lora).read_bytes()\n"
        "    return reward\n"
    )
    fingerprints = [tia2.load_reward(f"clip:{clip_folder}", device="cpu").fingerprint]
    for content, options in ((b"a", {}), (b"a", {}), (b"b", {}), (b"b", {"scale": 2.0})):
        weights.write_bytes(content)
        reward = tia2.load_reward(f"{path}:tuned", folder=str(clip_folder), lora=str(weights), **options)
        fingerprints.append(identity(reward).fingerprint)
    assert fingerprints[1] == fingerprints[2]
    assert len(set(fingerprints)) == 4
