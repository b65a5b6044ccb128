"""README and docs as a reader uses them: each page's commands and Python blocks run in order, as printed, and work.

The reader stands in a clone after `make quickstart`. What stands in for the world: `mini` has 12 of its prompts and 16
images of each, so that all of this takes a minute; models of the field are models of the miniature world; `~/tia2` is a
tiny copy of TIA2's layout; and the Hub isn't there, which commands that need it say in one line.
"""

from __future__ import annotations

import glob
import os
import re
import runpy
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(?P<python>(?:.*\n)*?)^```$|(?P<commands>(?:^ {4}\S.*\n)(?:^ {4,}.*\n)*)", re.M)
FILE = re.compile(r"# (\w+\.py)\n")
STAND_INS = {"pickscore": "mini-web", "imagereward": "mini-vivid"}
CLIPS = re.compile(r"clip:openai/clip-vit-[\w-]+")
TELLING = {
    "quickstart": r"Wrote runs/\w+",
    "data show": r"items",
    "data check": r"sound",
    "data download": r"annotation files|images lie on Google Drive",
    "data export": r"files, .* MB",
    "score": r"Next: tia2 evaluate",
    "evaluate": r"AUROC|Spearman|Kendall|AP@|\"entry\"",
    "compare": r"agrees with people better|share a letter",
    "analyze": r"^- ",
    "finetune best-of-n": r"gold",
    "rewards list": r"mini-strong",
    "rewards show": r"formula",
    "rewards check": r"passed",
    "prompts contrast": r"contrastive prompts of|\bcats?\b",
    "submit": r"waits for a review|Wrote ",
    "leaderboard init": r"items",
    "leaderboard add": r"On the board",
    "leaderboard export": r"Wrote ",
    "leaderboard review": r".",
    "leaderboard log": r".",
    "leaderboard backup": r"files to",
    "leaderboard restore": r"is in",
    "miniworld failures": r"^- ",
    "version": r"tia2",
}
"""What a reader looks for in what each command prints."""
NOT_HERE = re.compile(
    r"tia2 (?:leaderboard|submit"  # the board has the whole of `mini`, and tests of its own
    r"|miniworld (?:train|build|sample|judge)|finetune (?:run|resume|report|serve-reward|study)"  # minutes
    r"|rewards verify|.*--hub |.*--llm |.*--published)"  # the network
)
"""Commands that have tests of their own, and take minutes, a network, or what the small world doesn't have."""
RAN = ("README.md", "index.md", "evaluate.md", "calibrate.md", "contrastive.md", "files.md", "benchmark.md", "cli.md")
"""Pages that run; the others are about training, servers, plugins' packages and what is on the Hub."""


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield what a page tells a reader to type, in order: ("python", code) or ("command", line)."""
    shown = re.compile(r"<!-- \w[\w -]* -->.*?<!-- end .*?-->", re.S)
    for block in BLOCK.finditer(shown.sub("", page.read_text(encoding="utf-8"))):
        if block["python"] is not None:
            yield "python", block["python"]
        else:
            for line in re.sub(r"\\\n\s*", "", block["commands"]).splitlines():
                yield "command", line.strip()


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Iterator[Path]:
    """The folder of a fresh clone after `make quickstart`, and what stands in for the world around it."""
    import numpy as np
    import pyarrow.parquet as pq

    from tia2.benchmark import configs
    from tia2.cli import main
    from tia2.miniworld import assets

    home = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    table = pq.read_table(configs.MINI_PARQUET)
    prompts = np.array(table["prompt_id"].to_pylist())
    positions = [np.flatnonzero(prompts == prompt)[:16] for prompt in dict.fromkeys(prompts)]
    pq.write_table(table.take(np.concatenate(positions[::5])), home / "mini.parquet")
    for module, name in ((configs, "MINI_PARQUET"), (assets, "BENCHMARK")):
        patch.setattr(module, name, home / "mini.parquet")
    layout = runpy.run_path(str(ROOT / "tests" / "benchmark" / "conftest.py"))["Layout"](home / "tia2")
    for subset in configs.SUBSETS:
        layout.add_images(subset)
    patch.setenv("HOME", str(home))
    patch.setenv("TIA2_DATA_DIR", str(home / "tia2"))
    patch.setenv("COLUMNS", "120")
    patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    clone = home / "clone"
    clone.mkdir()
    patch.chdir(clone)
    assert main(["quickstart"]) == 0
    yield clone
    patch.undo()


@pytest.fixture
def reader(clone, tmp_path, monkeypatch, cli) -> Callable[[str, str, dict], None]:
    """Do what a block says, in a copy of the clone; fail unless it works and prints what it should."""
    shutil.copytree(clone, tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.setattr(sys, "path", ["", *sys.path])

    def read(kind: str, text: str, names: dict) -> None:
        if kind == "python":
            if written := FILE.match(text):
                Path(written[1]).write_text(text)
                sys.modules.pop(Path(written[1]).stem, None)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(text, "page", "exec"), names)
        elif text.startswith("printf "):
            assert os.system(text) == 0
        elif text.startswith("cd "):
            monkeypatch.chdir(text.partition(" ")[2])
        elif text.startswith("tia2 ") and not NOT_HERE.match(text):
            line, _, file = text.partition(" > ")
            words = [part for word in shlex.split(line, comments=True)[1:] for part in _expanded(word)]
            name = next(name for name in TELLING if words[: len(name.split())] == name.split())
            said = cli(*words)
            assert said.code in ((0, 1) if name == "rewards check" else (0,)), (text, said.err)
            assert re.search(TELLING[name], said.out + said.err, re.M), (text, said.out, said.err)
            if file:
                Path(file).write_text(said.out)

    return read


def _expanded(word: str) -> list[str]:
    """Do to a word what a shell would, and take a model of the miniature world for one of the field."""
    word = CLIPS.sub("mini-strong", STAND_INS.get(word, os.path.expanduser(word)))
    matching = sorted(glob.glob(word)) if set(word) & set("*?[") else []
    return matching or [word]


@pytest.mark.slow
@pytest.mark.parametrize("name", RAN)
def test_a_page_works_from_top_to_bottom(name, reader):
    page = ROOT / name if name == "README.md" else ROOT / "docs" / name
    names: dict = {"__name__": "page"}
    ran = 0
    for kind, text in blocks(page):
        try:
            reader(kind, text, names)
        except Exception as error:
            pytest.fail(f"{name}: {text}\n{type(error).__name__}: {error}")
        ran += kind == "python" or text.startswith("tia2 ")
    assert ran


def test_a_reader_is_told_where_the_command_is():
    """After `make quickstart` it is in .venv/bin; before the first line that starts with it, a page says so."""
    for name in ("README.md", "docs/index.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert text.index("source .venv/bin/activate") < re.search(r"^ {4}tia2 ", text, re.M).start(), name


def test_every_command_in_a_block_can_be_pasted():
    """What explains a command stands behind a #, so that a shell takes the line as it is."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for kind, text in blocks(page):
            if kind == "command" and text.startswith("tia2 "):
                assert not re.search(r"\S {3,}[^#\s-]", text), (page.name, text)
