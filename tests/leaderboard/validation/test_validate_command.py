"""`tia2 finetune validate` as a maintainer meets it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tia2.errors import FinetuneError
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.validation import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def indexed(validated, tmp_path_factory) -> Path:
    """The store with two validated entries and its whole index, which each command would make again."""
    store = Store(shutil.copytree(validated / "store", tmp_path_factory.mktemp("indexed") / "store"))
    Board.load(store, "mini")
    return store.folder


@pytest.fixture
def validated_store(indexed, tmp_path) -> Store:
    return Store(shutil.copytree(indexed, tmp_path / "store"))


@pytest.fixture
def preset(validated, tmp_path):
    run = next((validated / "runs").glob("*/run.json"))
    settings = json.loads(run.read_text())["settings"]
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


class NeverRun:
    """Training that must not happen."""

    def __init__(self, folder, settings, device):
        pytest.fail(f"trained {settings.name} in {folder}")


def test_what_is_on_the_board_is_not_run_again(cli, validated_store, preset, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "run_class", lambda: NeverRun)
    words = ("--board", validated_store.folder, "--preset", preset, "--out", tmp_path / "runs")
    entries = ("--entry", "mini-strong", "--entry", "mini-vivid~textnorm")
    done = cli("finetune", "validate", *entries, *words)
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 80
    assert done.out.count("exact judge") == 2, "a verdict per run"
    assert f"tia2 leaderboard --store {validated_store.folder}" in " ".join(done.err.split())
    content = json.loads(cli("finetune", "validate", *entries, *words, "--json").out)
    assert [run["entry"] for run in content["runs"]] == ["mini-strong", "mini-vivid~textnorm"]
    assert {run["run"] for run in content["runs"]} == {run.id for run in validated_store.runs}
    assert all(isinstance(run["gold_gained_at_peak"], float) for run in content["runs"])
    assert content["skipped"] == {}


def test_an_interrupted_validation_continues_with_the_runs_that_are_missing(
    cli, validated, validated_store, preset, tmp_path, monkeypatch
):
    """One run is in the store, the other one's folder is there, finished but for being added."""
    missing = next(run.id for run in validated_store.runs if run.id.startswith("mini-vivid"))
    validated_store.remove_run(missing)
    out = tmp_path / "runs"
    shutil.copytree(validated / "runs" / "mini-vivid~textnorm", out / "mini-vivid~textnorm")
    trained = []

    def resumed():
        from tia2.finetune import Run

        class Resumed(Run):
            def go(self):
                trained.append(self.folder.path.name)
                return super().go()

        return Resumed

    monkeypatch.setattr(running, "run_class", resumed)
    done = cli(
        "finetune", "validate", "--entry", "mini-strong", "--entry", "mini-vivid~textnorm", "--preset", preset,
        "--board", validated_store.folder, "--out", out, "--device", "cpu",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert trained == ["mini-vivid~textnorm"]
    assert missing in {run.id for run in Store(validated_store.folder).runs}, "the very run that the fixture made"


def test_a_run_that_fails_stops_no_other_and_says_how_to_continue(cli, validated_store, preset, tmp_path, monkeypatch):
    class Failing:
        def __init__(self, folder, settings, device):
            raise FinetuneError(f"{settings.name} turned NaN.")

    monkeypatch.setattr(running, "run_class", lambda: Failing)
    done = cli(
        "finetune", "validate", "--entry", "mini-web", "--entry", "mini-strong", "--preset", preset,
        "--board", validated_store.folder, "--out", tmp_path / "runs",
    )  # fmt: skip
    assert done.code == 1
    assert "mini-web: mini-web turned NaN. What was done is kept; the same command continues." in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "reward.proxy=mini-web"], "choose it with --entry"),
        (["--preset", "mini-dpo"], "Did you mean 'mini-ddpo'?"),
        (["--entry", "mini-strng"], "Did you mean 'mini-strong"),
        (["--set", "optimiser.rl=1"], "Did you mean 'optimiser.lr'?"),
        (["--metric", "auric"], "Did you mean 'auroc'?"),
        (["--benchmark", "nothing"], "benchmark"),
        (["--board", "no-such-board"], "no-such-board"),
    ],
)
def test_bad_input_gets_one_line(cli, validated_store, words, says):
    done = cli("finetune", "validate", "--board", validated_store.folder, *words)
    assert done.code == (2 if "reward.proxy" in words[-1] else 1)
    assert done.err.startswith("error: ")
    assert says in done.err
    assert len(done.err.splitlines()) == 1
