"""Names, families, plugins, files and functions as rewards."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from PIL import Image

import tia2
from tia2.errors import RewardError, UnknownNameError
from tia2.rewards import DualEncoder, FunctionReward, RewardCard
from tia2.rewards.registry import REWARDS, describe

IMAGES = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]


@pytest.fixture(autouse=True)
def _own_names(monkeypatch):
    monkeypatch.setattr(REWARDS, "_registered", {})
    REWARDS.refresh()
    yield
    REWARDS.refresh()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package that only has metadata and one module, the way pip leaves it."""

    def make(entry_points: str, code: str = "", package: str = "plug", module: str | None = None) -> None:
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[tia2.rewards]\n{textwrap.dedent(entry_points)}\n")
        name = module or f"{package}_module"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code))
        monkeypatch.delitem(sys.modules, name, raising=False)
        REWARDS.refresh()  # as in a process that starts after the installation

    monkeypatch.syspath_prepend(tmp_path)
    return make


def length(images, texts):
    """The number of characters."""
    return [float(len(text)) for text in texts]


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UnknownNameError, match=r"Unknown reward 'mini-stron'. Did you mean 'mini-strong'\? Available:"):
        tia2.load_reward("mini-stron")
    with pytest.raises(UnknownNameError, match="Unknown reward 'clib:x'"):
        tia2.load_reward("clib:x")


def test_near_misses_say_what_to_type(tmp_path):
    with pytest.raises(RewardError, match="'clip' is a family of rewards: say which one, for example 'clip:openai/"):
        tia2.load_reward("clip")
    with pytest.raises(RewardError, match="is a folder; for a CLIP of transformers type 'clip:"):
        tia2.load_reward(str(tmp_path))
    with pytest.raises(RewardError, match=r"Which class or function of 'mine\.py'\? Expected 'mine\.py:Name'"):
        tia2.load_reward("mine.py")
    with pytest.raises(RewardError, match="takes nothing after a colon"):
        tia2.load_reward("mini-web:x")
    with pytest.raises(RewardError, match=r"can't be made with these options: .*'colour'"):
        tia2.load_reward("clip:x", colour=1)


def test_a_function_is_a_reward():
    reward = tia2.load_reward(length)
    assert reward.name == "length"
    np.testing.assert_array_equal(reward.score(IMAGES, ["a", "bcd"]), np.float32([1, 3]))
    np.testing.assert_array_equal(reward.score_matrix(IMAGES, ["a", "bcd"]), np.float32([[1, 3], [1, 3]]))
    with pytest.raises(RewardError, match="takes no device"):
        tia2.load_reward(length, device="cpu")


def test_a_function_gets_rgb_lists_of_limited_length():
    calls = []

    def spy(images, texts):
        calls.append(([image.mode for image in images], list(texts)))
        return np.arange(len(texts))

    reward = FunctionReward(spy, batch_size=2)
    assert reward.score([Image.new("LA", (2, 2))] * 3, ["a", "b", "c"]).tolist() == [0, 1, 0]
    assert calls == [(["RGB", "RGB"], ["a", "b"]), (["RGB"], ["c"])]


def test_a_torch_function_may_return_any_tensor():
    import torch

    reward = tia2.load_reward(lambda images, texts: torch.ones(len(texts), dtype=torch.bfloat16, requires_grad=True))
    assert reward.score(IMAGES, ["a", "b"]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0], r"returned shape \(1,\); expected \(2,\), one number per pair"),
        ([[1.0, 2.0]], r"returned shape \(1, 2\); expected \(2,\)"),
        ("no", "returned str, not an array of numbers"),
        ([[1.0], [1.0, 2.0]], "returned list, not an array of numbers"),
        (None, r"returned shape \(\); expected \(2,\)"),
    ],
)
def test_wrong_returns_of_functions_are_named(returned, message):
    with pytest.raises(RewardError, match=f"Reward 'mine' {message}"):
        FunctionReward(lambda images, texts: returned, name="mine").score(IMAGES, ["a", "b"])


def test_fingerprints_of_functions_follow_code_and_bound_values():
    def make(weight):
        return lambda images, texts: [weight] * len(texts)

    assert FunctionReward(length).fingerprint == FunctionReward(length).fingerprint
    assert FunctionReward(make(1)).fingerprint == FunctionReward(make(1)).fingerprint
    assert FunctionReward(make(1)).fingerprint != FunctionReward(make(2)).fingerprint
    assert FunctionReward(length).fingerprint != FunctionReward(lambda images, texts: [0.0]).fingerprint


def test_registering(tmp_path):
    @tia2.register_reward("words")
    def words(images, texts):
        """Count words."""
        return [float(len(text.split())) for text in texts]

    assert tia2.load_reward("words").score(IMAGES, ["a b", "c"]).tolist() == [2.0, 1.0]
    assert {"spec": "words", "summary": "Count words."}.items() <= describe()[-1].items()
    tia2.register_reward("words")(words)
    with pytest.raises(RewardError, match=r"The reward name 'words' is taken by .*words; register .*length as another"):
        tia2.register_reward("words")(length)
    with pytest.raises(RewardError, match="The reward name 'clip' is taken by tia2"):
        tia2.register_reward("clip")(length)
    with pytest.raises(RewardError, match="without a colon, got 'a:b'"):
        tia2.register_reward("a:b")


def test_registered_families_get_the_rest_of_the_spec():
    @tia2.register_reward("constant")
    def constant(value, *, factor=1.0):
        return FunctionReward(lambda images, texts: [float(value) * factor] * len(texts), name=f"constant {value}")

    assert tia2.load_reward("constant:3", factor=2.0).score(IMAGES, ["a", "b"]).tolist() == [6.0, 6.0]
    with pytest.raises(RewardError, match="can't be made with these options: missing a required argument: 'value'"):
        tia2.load_reward("constant")


def test_file_plugins(tmp_path, noise):
    file = tmp_path / "my rewards.py"
    file.write_text(
        textwrap.dedent(
            """
            from dataclasses import dataclass
            import numpy as np
            from tia2.rewards import DualEncoder

            @dataclass
            class Red(DualEncoder):
                weight: float = 1.0
                def embed_images(self, prepared):
                    return np.array([np.asarray(image).mean((0, 1)) for image in prepared])
                def embed_texts(self, texts):
                    return np.array([[1.0, 0, 0] if "red" in text else [0, 0, 1.0] for text in texts])

            def pairs(images, texts):
                return [len(text) for text in texts]

            broken = 3
            """
        )
    )
    reward = tia2.load_reward(f"{file}:Red")
    assert reward.score_matrix(IMAGES, ["red", "blue"]).tolist() == [[1, 0], [0, 1]]
    assert (reward.name, reward.card.kind) == ("Red", "dual encoder")
    assert tia2.load_reward(f"{file}:pairs").score(IMAGES, ["a", "bc"]).tolist() == [1, 2]
    with pytest.raises(UnknownNameError, match=r"Unknown name in my rewards\.py 'Rad'. Did you mean 'Red'\?"):
        tia2.load_reward(f"{file}:Rad")
    with pytest.raises(RewardError, match="Expected a reward model, got 3"):
        tia2.load_reward(f"{file}:broken")
    with pytest.raises(RewardError, match="There is no file"):
        tia2.load_reward(f"{tmp_path}/none.py:Red")
    file.write_text("1 / 0")
    with pytest.raises(RewardError, match=r"can't be imported: ZeroDivisionError: division by zero\.$"):
        tia2.load_reward(f"{file}:Red")


def test_installed_plugins_are_found_and_not_imported_before_use(install):
    install("long-text = plug_module:long_text", "def long_text(images, texts):\n    return [len(t) for t in texts]\n")
    assert REWARDS.plugins()["long-text"].source == "package plug"
    assert "plug_module" not in sys.modules
    assert tia2.load_reward("long-text").score(IMAGES, ["a", "bc"]).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("target", "code", "reason"),
    [
        ("plug_module:x", "1 / 0", "ZeroDivisionError"),
        ("plug_module:x", "import sys\nsys.no_such_thing", "AttributeError"),
        ("plug_module:absent", "", "AttributeError"),
        ("no_such_module_anywhere:x", "", "ModuleNotFoundError"),
        ("plug_module:x", "def (", "SyntaxError"),
    ],
)
def test_a_broken_plugin_warns_and_stops_nothing(install, target, code, reason):
    install(f"bad = {target}\n", code)
    with pytest.warns(UserWarning, match=f"Reward 'bad' from package plug can't be imported: {reason}"):
        rows = {row["spec"]: row for row in describe()}
    assert rows["bad"]["summary"] == "broken, see the warning"
    assert "mini-strong" in rows
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tia2.load_reward(length).name == "length"
    with pytest.raises(RewardError, match=f"can't be imported: {reason}"):
        tia2.load_reward("bad")


def test_a_plugin_that_fails_to_load_is_one_line(install):
    install("bad = plug_module:Bad", "class Bad:\n    def __init__(self):\n        raise OSError('no weights')\n")
    with pytest.raises(RewardError, match=r"^Reward 'bad' can't be loaded: OSError: no weights$"):
        tia2.load_reward("bad")


def test_plugins_cannot_take_a_name(install):
    install("clip = plug_module:x")
    install("mine = one:x", package="one", module="one")
    install("mine = two:x", package="two", module="two")
    with pytest.warns(UserWarning, match="is left out") as caught:
        found = REWARDS.plugins()
    messages = sorted(str(warning.message) for warning in caught)
    assert messages == [
        "The reward 'clip' of package plug is left out: tia2 has that name already.",
        "The reward 'mine' of package two is left out: package one has that name already.",
    ]
    assert (found["clip"].source, found["mine"].source) == ("tia2", "package one")


def test_objects_of_any_class_will_do():
    class Whole:
        name, card, fingerprint = "whole", RewardCard(name="whole"), "0" * 64

        def score(self, images, texts):
            return np.zeros(len(texts), dtype=np.float32)

        def score_matrix(self, images, texts):
            return np.zeros((len(images), len(texts)), dtype=np.float32)

    class OnlyScore:
        def score(self, images, texts):
            return [1.0] * len(texts)

    whole = Whole()
    assert tia2.load_reward(whole) is whole
    assert tia2.load_reward(OnlyScore()).score_matrix(IMAGES, ["a"]).tolist() == [[1], [1]]
    assert tia2.load_reward(OnlyScore()).name == "OnlyScore"
    with pytest.raises(RewardError, match="Expected a reward model, got 3, which lacks name, card"):
        tia2.load_reward(3)


def test_a_dual_encoder_of_the_wrong_shape_is_named():
    class Bad(DualEncoder):
        def embed_images(self, prepared):
            return np.zeros(3)

        def embed_texts(self, texts):
            return np.zeros((len(texts) + 1, 3))

    with pytest.raises(
        RewardError, match=r"embed_images of reward 'Bad' returned shape \(3,\) for 2 inputs; expected \(2, d\)"
    ):
        Bad().encode_images(IMAGES)
    with pytest.raises(RewardError, match=r"embed_texts of reward 'Bad' returned shape \(2, 3\) for 1 inputs"):
        Bad().encode_texts(["a"])


def test_a_dual_encoder_encodes_each_input_once():
    seen = {"images": 0, "texts": 0}

    class Counting(DualEncoder):
        def embed_images(self, prepared):
            seen["images"] += len(prepared)
            return np.array([np.asarray(image).mean((0, 1)) + 1 for image in prepared])

        def embed_texts(self, texts):
            seen["texts"] += len(texts)
            return np.array([[len(text), 1, 2] for text in texts])

    images, texts = [IMAGES[0], IMAGES[1], IMAGES[0]], ["a", "bb", "a"]
    pairs = Counting().score(images, texts)
    assert seen == {"images": 2, "texts": 2}
    np.testing.assert_allclose(pairs, np.diag(Counting().score_matrix(images, texts)), atol=1e-7)


def test_importing_the_registry_imports_no_torch():
    code = "import sys, tia2.rewards; tia2.rewards.registry.REWARDS.plugins(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
