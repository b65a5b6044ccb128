"""README and docs as a reader uses them: commands and Python blocks of all pages run as printed, in one folder.

The reader stands in a clone after `make quickstart` and reads the pages in the order of the menu. So that this takes a
minute, `mini` has nine of its prompts with 32 of their 50 images, presets of fine-tuning train for two epochs on a
handful of images, and results that come with tia2 are those of this quickstart; all else is as it is. Models of the
field are models of the miniature world, a language model is a server that answers at once, `~/tia2` is a tiny copy of
TIA2's layout, and the Hub can't be reached.
"""

from __future__ import annotations

import ast
import contextlib
import glob
import io
import itertools
import os
import re
import runpy
import shlex
import shutil
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml
from pages import ROOT, Block, blocks, menu

STAND_INS = {
    r"(?<![\w:.-])pickscore\b": "mini-web",
    r"(?<![\w:.-])imagereward\b": "mini-vivid",
    r"clip:openai/clip-vit-[\w-]+": "mini-strong",
    r"epoch_00025": "epoch_00002",
    r"\bENTRY\b": "mini-vivid",
    r"people sample \S+ \S+": r"\g<0> --steps 4",
}
"""What stands for models of the field, the last epoch of a run of two, any entry, and the steps of a sampler."""
CUT = {
    r"tia2 finetune run .*sd21-|accelerate launch|torchrun": "needs a GPU; its settings are read",
    r"tia2 finetune run .*(--seed|stop\.|trackers|mini-vivid|mini-web)": "a run like others; its settings are read",
    r"tia2 (finetune report runs/mini-ddpo|submit) runs/web": "needs the second of two runs",
    r"tia2 finetune sweep": "samples for seconds; tests/finetune/sampling sweeps",
    r"tia2 quickstart --out": "the quickstart again",
    r"tia2 rewards check (imagereward|mini-strong)": "the rewards of the page about plugins are checked",
    r"tia2 score --reward (hpsv2|hpsv3|cyclereward|fga-blip2|rated|questions)\b": "needs weights",
    r"tia2 analyze \S+ runs/quickstart": "tests/cli runs all analyses",
    r"pip install 'tia2\[scale\]'|[^`]*score_on_ray": "starts a Ray; tests/scoring does",
    r"tia2 (score|evaluate) [^`]*s3://": "needs a store; tests/scoring has one",
    r"tia2 submit runs/mini-strong": "submitted on the page about it",
    r"tia2 finetune validate|[^`]*store\.add_run": "tests/leaderboard/validation validates entries",
    r"tia2 finetune study": "trains for hours; tests/finetune/study sums up what is there",
    r"tia2 people demo|make people-demo": "takes minutes; tests/people goes the same way",
    r"tia2 miniworld (train|build)": "trains for an hour, samples for minutes",
    r"tia2 .*--(hub|push) |tia2 score .*--benchmark org/": "writes to the Hub, or reads from it",
    r"tia2 .*ID\.KEY|tia2 leaderboard status ID": "needs a receipt; tests/leaderboard/submissions uses one",
    r"tia2 .*(runs/tia2/clip|import-published)": "needs all of the released votes",
    r"[^`]*sd2-community/": "needs the weights of Stable Diffusion",
    r"(URL|ID|curl|from gradio_client)\b": "runs with the tests of the endpoints, where a board is served",
    r"tia2 (evaluate|pairs|data agreement|analyze) [^`]*runs/(tifa160|fetv|tvge|genai|mj-bench)": "needs files of"
    " GitHub",
    r"tia2 (import-scores (ours|pairs)|data make (ratings|pairs)\.csv (ours|pairs)|data agreement ours)\b": "needs a"
    " file of the reader's",
    r"tia2 data make test\.json": "needs a file of the reader's",
    r"tia2 people (build \S+ runs/voted|verdict runs/verdict --half)": "needs votes; the pages about them have such",
    r"tia2 people crowd-out .*# tasks": "run on the page about verdicts",
    r"tia2 people crowd-in": "needs a platform's file; tests/people/crowd takes such",
    r"tia2 people compare base=": "needs two folders of samples; compared on the page about it",
    r"python3? -m venv|\.venv/bin/pip|tensorboard": "sets up, or opens a browser",
}
"""Commands that are read and not run, and why."""
OFFLINE = r"tia2 (rewards verify|data download|evaluate --published|score .*(--revision|:weights/ImageReward))"
"""Commands that need what is on the Hub, on GitHub or at the reader's: they say so in one line."""
TELLING = {
    "quickstart": r"Wrote runs/\w+|\"files\"",
    "data show": r"^ *all +",
    "data check": r"sound",
    "data download": r"annotation files|images lie on Google Drive",
    "data export": r"files, .* MB",
    "data make": r"items of \d+ prompts",
    "data agreement": r"alpha",
    "import-scores": r"imported as",
    "export-scores": r"the rewards of",
    "score": r"Next: tia2 evaluate",
    "evaluate": r"AUROC|Spearman|Kendall|Pair accuracy|\"entry\"",
    "compare": r"agrees with people better|share a letter|not settled",
    "analyze": r"^- ",
    "finetune best-of-n": r"gold",
    "finetune run": r"exact judge",
    "finetune resume": r"exact judge",
    "finetune report": r"exact judge|joint.html",
    "finetune sample": r"contact",
    "finetune serve-reward": r"http://127.0.0.1:\d+/score",
    "rewards list": r"mini-strong",
    "rewards show": r"formula",
    "rewards check": r"passed",
    "rewards verify": r"not verified",
    "prompts contrast": r"contrastive prompts of|\b(a|one) \w*",
    "people prompts": r"prompts \(",
    "people sample": r"\d images",
    "people new": r"\d images",
    "people vote": r"you, the owner",
    "people backup": r"a copy of the votes",
    "people export": r"\d votes",
    "people build": r"items of \d+ prompts",
    "submit": r"waits for a review|Wrote ",
    "leaderboard init": r"items",
    "leaderboard add": r"On the board",
    "leaderboard export": r"Wrote ",
    "leaderboard remove": r"mini-vivid",
    "leaderboard review": r"\w",
    "leaderboard log": r"\w",
    "leaderboard backup": r"files to",
    "leaderboard restore": r"is in",
    "leaderboard": r"http://[\d.]+:\d+",
    "people plan": r"give ±\d+ points",
    "people compare": r"pairs of .* on \d+ prompts",
    "people verdict": r"preferred",
    "people crowd-out": r"tasks?; ask 3 people",
    "people contrasts": r"contrastive prompts",
    "miniworld sample": r"the judge accepts \d",
    "miniworld judge": r"(accepted|rejected) \(score",
    "miniworld failures": r"^- ",
    "version": r"tia2",
}
"""What a reader looks for in what each command prints."""
ENDS = {"rewards verify": 3, "leaderboard": 130, "finetune serve-reward": 130}
"""Exit codes other than 0: nothing could be verified; ended by Ctrl-C."""


class World:
    """A clone's folder, what is around it, and a reader who types."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.home, self.clone, self.patch = home, home / "clone", patch
        self.typed: set[tuple[str, str]] = set()
        self.submitted = 0
        self.clone.mkdir()
        self._small_benchmark()
        self._small_runs()
        self._without_network()
        self._servers_that_end()
        layout = runpy.run_path(str(ROOT / "tests" / "benchmark" / "conftest.py"))["Layout"](home / "tia2")
        for subset in ("comprehensive", "counting", "composition"):
            layout.add_images(subset)
        self.llm = runpy.run_path(str(ROOT / "tests" / "prompts" / "conftest.py"))["Endpoint"]()
        patch.setenv("HOME", str(home))
        patch.setenv("TIA2_DATA_DIR", str(home / "tia2"))
        patch.setenv("COLUMNS", "100")
        patch.setattr(sys, "path", ["", str(self._plugin()), *sys.path])
        patch.chdir(self.clone)
        refresh_plugins()

    def _small_benchmark(self) -> None:
        import numpy as np
        import pyarrow.parquet as pq

        from tia2.benchmark import configs
        from tia2.miniworld import assets

        table = pq.read_table(configs.MINI_PARQUET)
        prompts = np.array(table["prompt_id"].to_pylist())
        subsets = dict.fromkeys(prompt.split("/")[0] for prompt in prompts)
        chosen = [[p for p in dict.fromkeys(prompts) if p.startswith(f"{subset}/")][2:17:5] for subset in subsets]
        rows = [np.flatnonzero(prompts == prompt)[:32] for prompt in itertools.chain(*chosen)]
        pq.write_table(table.take(np.concatenate(rows)), self.home / "mini.parquet")
        for module, name in ((configs, "MINI_PARQUET"), (assets, "BENCHMARK")):
            self.patch.setattr(module, name, self.home / "mini.parquet")

    def _small_runs(self) -> None:
        from tia2.finetune.settings import run

        small = self.home / "presets"
        small.mkdir()
        for path in run.PRESETS.glob("*.yaml"):
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
            if path.stem in {"mini-ddpo", "mini-rwr"}:
                settings["prompts"] |= {"train": [0, 1]}
                settings["sampler"] |= {"steps": 3, "batch": 8}
                settings["evaluation"] = {"every": 10, "images_per_prompt": 2, "kl_images": 2}
                if "ddpo" in settings:
                    settings["ddpo"] = {
                        "images_per_epoch": 4, "updates_per_epoch": 1, "epochs": 2, "batch": 12, "clip_nats": 1.6,
                    }  # fmt: skip
            (small / path.name).write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.patch.setattr(run, "PRESETS", small)
        self._pictures_once()

    def _pictures_once(self) -> None:
        """Reports draw each of their pictures once, and then show that one again: drawing takes most of their time."""
        from tia2.figures import picture
        from tia2.finetune.report import joint_writing, writing

        drawn: dict[str, Path] = {}

        def save_picture(figure: object, path: Path, *, suffix: str) -> None:
            name = re.sub(r"^\.|\W.*", "", Path(path).name)
            if name not in drawn:
                picture.save_picture(figure, path, suffix=suffix)
                drawn[name] = self.home / f"{name}.png"
                shutil.copyfile(path, drawn[name])
            shutil.copyfile(drawn[name], path)

        for module in (writing, joint_writing):
            self.patch.setattr(module, "save_picture", save_picture)

    def _without_network(self) -> None:
        import datasets
        import huggingface_hub.constants

        from tia2.benchmark.upstream import sources

        self.patch.setattr(sources, "FIRST_WAIT", 0.0)  # What isn't there now won't be there in a second.
        cache = self.home / "hf"
        self.patch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
        self.patch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", cache / "datasets" / "downloads")
        self.patch.setattr(huggingface_hub.constants, "HF_HOME", str(cache))
        self.patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        for name, value in (("HF_HOME", cache), ("HF_DATASETS_CACHE", cache / "datasets"), ("HF_HUB_OFFLINE", 1)):
            self.patch.setenv(name, str(value))

    def _servers_that_end(self) -> None:
        """A server prints its address; then the reader presses Ctrl-C. Serving itself has tests of its own."""
        from tia2.finetune.server import serve

        signal.signal(signal.SIGINT, signal.default_int_handler)

        def launch(live: object, *, host: str, port: int, **kwargs: object) -> SimpleNamespace:
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            return SimpleNamespace(local_url=f"http://{host}:{port}/", close=lambda verbose: None)

        def make_server(service: object, host: str, port: int, token: str | None) -> SimpleNamespace:
            def interrupted() -> None:
                raise KeyboardInterrupt

            return SimpleNamespace(server_address=(host, port), serve_forever=interrupted, server_close=lambda: None)

        from tia2.people.page import serving

        self.patch.setattr(serving, "until_stopped", make_server(None, "", 0, None).serve_forever)
        pages = ModuleType("tia2.leaderboard.pages.app")
        pages.launch = launch  # type: ignore[attr-defined]
        self.patch.setitem(sys.modules, pages.__name__, pages)
        self.patch.setattr(serve, "make_server", make_server)

    def _plugin(self) -> Path:
        """What `pip install examples/reward_plugin` puts on the path."""
        site = self.home / "site"
        shutil.copytree(ROOT / "examples" / "reward_plugin" / "src", site)
        metadata = site / "colour_reward-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: colour-reward\nVersion: 1.0\n", "utf-8")
        points = "[tia2.rewards]\ncolour = colour_reward:ColourReward\n"
        (metadata / "entry_points.txt").write_text(points, encoding="utf-8")
        return site

    def after_the_quickstart(self) -> None:
        """Run it; what comes with tia2 is what it gave."""
        from tia2.leaderboard.data import embedded

        self.type("tia2 quickstart")
        scores = self.clone / "runs" / "quickstart" / "scores"
        package = self.home / "leaderboard"
        package.mkdir()
        (package / "assets").symlink_to(scores)
        self.patch.setattr(embedded, "files", lambda name: package)

    def problem(self, block: Block, names: dict[str, object]) -> str:
        """Do what a block says; return what is wrong with it, empty if nothing is."""
        try:
            self.do(block, names)
        except Exception:
            return f"{block.text}\n{traceback.format_exc(limit=-1)}"
        return ""

    def do(self, block: Block, names: dict[str, object]) -> None:
        """Do what a block says, and fail unless it works and says what it should."""
        if not any(re.match(pattern, block.text) for pattern in CUT):
            if block.kind == "python":
                self.run_python(block, names)
            elif block.kind == "command":
                self.type(block.text)
        elif preset := re.search(r"finetune run (\S+)", block.text):
            from tia2.finetune.settings.run import load_settings

            words = shlex.split(block.text, comments=True)
            load_settings(preset[1], [value for name, value in itertools.pairwise(words) if name == "--set"])

    def run_python(self, block: Block, names: dict[str, object]) -> None:
        """Run a block as in a notebook, in which the last value is shown."""
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
            sys.modules.pop(Path(block.file).stem, None)
        tree = ast.parse(stand_in(block.text))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as out:
            warnings.simplefilter("ignore")
            exec(compile(tree, "page", "exec"), names)
            if last is not None:
                out.write(repr(eval(compile(ast.Expression(last.value), "page", "eval"), names)))
        if last is not None:
            assert out.getvalue().strip() not in {"", "None"}, "the last line shows nothing"

    def type(self, line: str) -> None:
        """Type a command."""
        words = shlex.split(line, comments=True)
        if words[0] == "printf":
            assert os.system(line) == 0
        elif words[0] == "cd":
            os.chdir(words[1])
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        elif words[0] == "export":
            name, _, value = words[1].partition("=")
            self.patch.setenv(name, value)
        elif words[0] == "pip":
            parser = ConfigParser(delimiters=("=",), interpolation=None)
            parser.read(ROOT / "setup.cfg", encoding="utf-8")
            for extra in re.findall(r"[\w-]+", "".join(re.findall(r"\[(.*?)\]", line))):
                assert extra in parser["options.extras_require"]
        elif words[0] == "source":
            assert "VENV ?= .venv" in (ROOT / "Makefile").read_text(encoding="utf-8")
        else:
            assert words[0] == "tia2", "a command that the test doesn't know"
            self.type_tia2(line)

    def type_tia2(self, line: str) -> None:
        from tia2.cli import main

        line, _, file = re.sub(r"(?<= )ID\b", self.waiting, line).partition(" > ")
        typed = (os.getcwd(), shlex.join(shlex.split(line, comments=True)))
        if typed in self.typed:
            return  # A page before said the same, and what that made is still here.
        line = line.replace("http://localhost:8000/v1", self.llm.url)
        words = [part for word in shlex.split(stand_in(line), comments=True)[1:] for part in expanded(word)]
        name = next(name for name in TELLING if words[: len(name.split())] == name.split())
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
            pytest.MonkeyPatch.context() as patch,
        ):
            if "--llm" in words:  # The Hub's client asks it, and asks nobody while it is offline.
                patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
            code = main(words)
        if re.match(OFFLINE, line) and name != "rewards verify":
            assert code == 1
            assert len(err.getvalue().strip().splitlines()) == 1, err.getvalue()
            return
        assert code == ENDS.get(name, 0), f"exit code {code}\n{out.getvalue()}{err.getvalue()}"
        said = out.getvalue() + err.getvalue()
        assert re.search(TELLING[name], said, re.M), f"{TELLING[name]} is not in\n{said}"
        if file:
            Path(file).write_text(out.getvalue(), encoding="utf-8")
        self.typed.add(typed)

    def waiting(self, match: re.Match[str]) -> str:
        """Return the id of a submission that waits, for the ID of a page; make one if there is none."""
        from tia2.leaderboard.data.store import Store
        from tia2.leaderboard.submissions.queue import Queue

        with Queue(Store("runs/leaderboard")) as queue:
            pending = queue.pending()
        if not pending:
            self.submitted += 1
            self.type_tia2(f"tia2 submit runs/quickstart/scores/mini-web --name Theirs-{self.submitted}")
            return self.waiting(match)
        return str(pending[0].id)


def refresh_plugins() -> None:
    """Look for installed packages again, and forget what a page registered."""
    from tia2.calibration.registry import CALIBRATIONS
    from tia2.rewards.registry import REWARDS

    CALIBRATIONS.unregister("lead")
    for registry in (CALIBRATIONS, REWARDS):
        registry.refresh()


def stand_in(text: str) -> str:
    for pattern, word in STAND_INS.items():
        text = re.sub(pattern, word, text)
    return text


def expanded(word: str) -> list[str]:
    """Do to a word what a shell would."""
    word = os.path.expanduser(word)
    matching = sorted(glob.glob(word)) if set(word) & set("*?[") else []
    return matching or [word]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    patch = pytest.MonkeyPatch()
    handler = signal.getsignal(signal.SIGINT)
    try:
        world = World(tmp_path_factory.mktemp("home"), patch)
        world.after_the_quickstart()
        yield world
    finally:
        patch.undo()
        refresh_plugins()
        signal.signal(signal.SIGINT, handler)


@pytest.mark.slow
@pytest.mark.parametrize("page", menu(), ids=lambda page: page.name)
def test_a_page_works_from_top_to_bottom(page, world):
    names: dict[str, object] = {"__name__": "page"}
    problems = [problem for block in blocks(page) if (problem := world.problem(block, names))]
    assert Path.cwd() == world.clone
    if problems:
        pytest.fail(f"{page.name}:\n" + "\n".join(problems), pytrace=False)


MAKES = re.compile(
    r'(?:--out[ =]|out="|save\("|leaderboard init |restore \S+ |data export |data make \S+ |people (?:new|contrasts) |'
    r'people (?:build|sample) \S+ |Path\(")"?([\w./~-]+)'
)
"""What a block makes."""
ALWAYS = {"runs/quickstart", "runs/leaderboard"}
"""Made by `make quickstart`, and by any command that a board is needed for."""


@pytest.mark.parametrize("page", menu(), ids=lambda page: page.name)
def test_a_page_needs_only_the_quickstart_and_itself(page):
    """A reader may begin with any page: what it uses, it has made before."""
    folders, files = set(ALWAYS), set()
    for block in blocks(page):
        made = {"/".join(path.split("/")[:2]) for path in MAKES.findall(block.text)}
        made |= {f"runs/{name}" for name in re.findall(r"finetune run ((?:mini|sd21)-\S+)(?!.* --out)", block.text)}
        made |= {f"runs/{name}" for name in re.findall(r"data download ([a-z][\w-]+)", block.text)}
        folders |= made
        used = set(re.findall(r"(?<![\w/])(?:runs|boards)/[\w.-]+", block.text))
        assert used <= folders, block.text
        files |= {block.file}
        if block.kind == "command":
            assert set(re.findall(r"\b\w+\.py\b(?=:)", block.text)) <= files, block.text


def test_every_command_of_a_page_is_seen():
    """One that isn't indented enough within a list or a tab is shown as running text."""
    for page in menu():
        commands = [block.text for block in blocks(page) if block.kind == "command"]
        for line in re.findall(r"^ +((?:tia2|pip|make) [^\n]*?)(?:\\)?$", page.read_text(encoding="utf-8"), re.M):
            assert any(command.startswith(line.strip()) for command in commands), (page.name, line)


def test_text_that_is_no_command_is_known():
    """What is indented is run, or is one of the few pictures and files that pages show."""
    shown = {block.text.split()[0] for page in menu() for block in blocks(page) if block.kind == "other"}
    assert shown <= {
        "---",
        "how_made:",
        "ratings:",
        "human_score:",
        "benchmark",
        "(Parquet",
        "finetune/ID/run.json,",
        "finetune/ID/record.json",
    }


def test_a_reader_is_told_where_the_command_is():
    """After `make quickstart` it is in .venv/bin; before the first line that starts with it, a page says so."""
    for name in ("README.md", "docs/index.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert text.index("source .venv/bin/activate") < re.search(r"^ {4}tia2 ", text, re.M).start(), name


def test_every_command_in_a_block_can_be_pasted():
    """What explains a command stands behind a #, so that a shell takes the line as it is."""
    for page in menu():
        for block in blocks(page):
            if block.kind == "command" and block.text.startswith("tia2 "):
                assert not re.search(r"\S {3,}[^#\s-]", block.text), (page.name, block.text)
