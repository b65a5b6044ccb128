"""A submitted fine-tuning run: checked, computed again, reviewed, and on the board; or refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import shutil

import pandas as pd
import pytest

from tia2.errors import LeaderboardError
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.checking.report import RefusedError
from tia2.leaderboard.submissions.checking.runs import validate_run
from tia2.leaderboard.submissions.queue import Queue
from tia2.leaderboard.submissions.run_package import build_run
from tia2.leaderboard.submissions.web import receive_upload

pytestmark = pytest.mark.slow


@pytest.fixture
def empty(embedded, tmp_path) -> Store:
    """The embedded results, without a run."""
    return Store(shutil.copytree(embedded, tmp_path / "board"))


@pytest.fixture
def run(validated, tmp_path):
    """The folder of a run, to be changed."""
    return shutil.copytree(validated / "runs" / "mini-strong", tmp_path / "run")


@pytest.fixture
def packed(run, tmp_path):
    build_run(run, tmp_path / "run.zip", contact="https://example.org/me", created="2026-01-01T00:00:00+00:00")
    return tmp_path / "run.zip"


def test_from_a_run_folder_to_the_board(cli, empty, run, validated):
    said = cli("submit", run, "--contact", "https://example.org/me", "--store", empty.folder)
    assert said.code == 0, said.err
    assert "mini-strong, seed 0 waits for a review" in said.out
    assert "Recomputed from the kept images, and equal: the scores of" in said.err
    with Queue(empty) as queue:
        (waiting,) = queue.pending()
    shown = cli("leaderboard", "review", "--show", waiting.id[:8], "--store", empty.folder).out
    assert "Recomputed from the kept scores: " in shown
    assert "The KL divergence can't be recomputed" in shown
    assert "run on mini" in shown
    done = cli("leaderboard", "review", "--accept", waiting.id[:8], "--by", "maintainer", "--store", empty.folder)
    assert done.code == 0, done.err
    (kept,) = empty.runs
    assert done.out == f"mini-strong, seed 0 is on the board as {kept.id}.\n"
    assert kept.record.added_by == "maintainer"
    honest = next(other for other in Store(validated / "store").runs if other.id.startswith("mini-strong"))
    assert (kept.id, kept.record.files) == (honest.id, honest.record.files), "byte for byte"
    board = Board.load(empty, "mini", index=Index(empty, resamples=50))
    assert [(other.entry, other.added_by) for other in board.runs] == [("mini-strong", "maintainer")]
    with Queue(empty) as queue:
        assert queue.accept(waiting.id, "maintainer").id == kept.id, "accepting twice is accepting once"
    again = cli("submit", run, "--store", empty.folder)
    assert (again.code, "on the board already" in again.err) == (1, True)


def test_equal_runs_have_equal_bytes(run, packed, tmp_path):
    build_run(run, tmp_path / "again.zip", contact="https://example.org/me", created="2026-01-01T00:00:00+00:00")
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_no_weights_travel(packed, tools):
    names = set(tools.files_of(packed))
    assert {"submission.json", "run/run.json", "run/journal.jsonl", "run/evaluations/epoch_00002.parquet"} < names
    assert all(name.endswith((".json", ".jsonl", ".parquet")) for name in names)


def resealed(packed, tools, change):
    """Change files of a submission, and give it the digests of the changed ones, as a forger would."""
    files = tools.files_of(packed)
    change(files)
    submission = json.loads(files["submission.json"])
    submission["files"] = {
        name.removeprefix("run/"): hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name.startswith("run/")
    }
    files["submission.json"] = json.dumps(submission).encode()
    return tools.rewrite(packed, files)


def with_frame(change, tmp_path):
    """Return a change of the last evaluation's frame."""

    def edit(files):
        path = tmp_path / "frame.parquet"
        path.write_bytes(files["run/evaluations/epoch_00002.parquet"])
        change(pd.read_parquet(path)).to_parquet(path, index=False)
        files["run/evaluations/epoch_00002.parquet"] = path.read_bytes()

    return edit


FRAMES = {
    "scores that the journal has not": (lambda frame: frame.assign(gold=1.0 - frame["gold"]), "other scores"),
    "columns in another order": (lambda frame: frame[sorted(frame)], "must have the columns prompt, split, part"),
    "a column too many": (lambda frame: frame.assign(code="import os"), "must have the columns prompt, split, part"),
    "scores as text": (lambda frame: frame.assign(proxy="1.0"), "column proxy must be double, got"),
    "images as text": (lambda frame: frame.assign(image="x"), "column image must be binary, got"),
    "no images": (lambda frame: frame.head(0), "says it has 0 images; 1 to 100,000 are read"),
    "an image missing": (lambda frame: frame.assign(image=[None, *frame["image"][1:]]), "has no value in 1 rows"),
    "a torn image": (lambda frame: frame.assign(image=[b"x", *frame["image"][1:]]), "image 0 can't be decoded"),
    "fewer images": (lambda frame: frame.iloc[1:], "is of other prompts or images"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_changed_evaluations_are_refused(empty, packed, tools, tmp_path, name):
    change, says = FRAMES[name]
    resealed(packed, tools, with_frame(change, tmp_path))
    with pytest.raises(RefusedError) as caught:
        validate_run(packed, empty)
    assert says in str(caught.value)


def without(name):
    return lambda files: files.pop(name)


def text(name, change):
    return lambda files: files.update({name: change(files[name].decode()).encode()})


FILES = {
    "no settings": (without("run/run.json"), "holds no settings"),
    "no journal": (without("run/journal.jsonl"), "epochs []"),
    "an evaluation missing": (without("run/evaluations/epoch_00001.parquet"), "The journal has evaluations at"),
    "settings of another kind": (text("run/run.json", lambda t: t.replace('"ddpo"', '"x"', 1)), "holds no settings"),
    "settings nested too deep": (lambda files: files.update({"run/run.json": b"[" * 100_000}), "holds no settings"),
    "a damaged journal": (
        text("run/journal.jsonl", lambda t: t.replace('"evaluation"', '"x"')),
        "fit together: journal.jsonl is damaged",
    ),
    "a judge's name that runs": (
        text("run/run.json", lambda t: t.replace('"proxy": "mini-strong"', '"proxy": "<script>x</script>"')),
        "A judge's name holds what looks like markup",
    ),
    "a torn evaluation": (
        lambda files: files.update({"run/evaluations/epoch_00002.parquet": b"PAR1 torn"}),
        "is damaged or no Parquet file",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_changed_files_are_refused(empty, packed, tools, name):
    change, says = FILES[name]
    resealed(packed, tools, change)
    with pytest.raises(RefusedError) as caught:
        validate_run(packed, empty)
    assert says in str(caught.value)
    assert len(caught.value.problems) == 1
    assert "tia2-submission" not in str(caught.value), "where the server unpacked it"


def test_files_that_are_not_those_of_the_digests(empty, packed, tools):
    files = tools.files_of(packed)
    tools.rewrite(packed, {**files, "run/journal.jsonl": files["run/journal.jsonl"] + b"\n"})
    with pytest.raises(RefusedError, match=r"'journal\.jsonl' isn't the file that submission\.json has the digest of"):
        validate_run(packed, empty)
    tools.rewrite(packed, {name: content for name, content in files.items() if "epoch_00001" not in name})
    with pytest.raises(RefusedError, match=r"The files aren't those that submission\.json lists, the first is"):
        validate_run(packed, empty)
    tools.rewrite(packed, {**files, "run/weights/x.safetensors": b"x"})
    with pytest.raises(RefusedError, match="which is no part of a submission"):
        validate_run(packed, empty)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("title", "<b>x</b>", "The title holds what looks like markup"),
        ("contact", "javascript:alert(1)", "The contact must be an address like"),
        ("description", "a\u202eb", "can't be seen as what it is"),
        ("schema_version", 2, "submission.json doesn't fit: schema_version"),
        ("files", {"../../x": "0" * 64, "run.json": "0" * 64, "journal.jsonl": "0" * 64}, "The files aren't those"),
    ],
)
def test_what_people_wrote_is_checked(empty, packed, tools, field, value, says):
    tools.edit_json(packed, "submission.json", lambda content: content.update({field: value}))
    with pytest.raises(RefusedError) as caught:
        validate_run(packed, empty)
    assert says in str(caught.value)


def test_what_a_person_should_look_at(validated_store, run, tmp_path):
    """A run that shares evaluations with another one, on an entry that the board doesn't have."""
    journal = run / "journal.jsonl"
    lines = [line for line in journal.read_text().splitlines() if json.loads(line)["epoch"] < 2]
    journal.write_text("\n".join(lines) + "\n")
    build_run(run, tmp_path / "shorter.zip")
    validated_store.remove_listing("mini-strong")
    report = validate_run(tmp_path / "shorter.zip", validated_store).report
    shared, foreign = report.flags
    assert shared.startswith("1 of its evaluations are those of the run mini-strong-")
    assert foreign.startswith("Its proxy is no entry of the board")
    assert "The run has 1 of 2 epochs." in report.warnings
    assert any("no contact address" in line for line in report.warnings)


def test_an_acceptance_that_was_cut_short_is_finished(empty, packed):
    with Queue(empty) as queue:
        receipt = queue.receive(packed, "me")
        with queue._database.writing() as connection:
            connection.execute(
                "UPDATE submissions SET state = 'accepting', decided_by = 'm' WHERE id = ?", (receipt.id,)
            )
        validated = validate_run(queue._upload(receipt.id), empty)
        validated.put(empty, "2026-01-01", "m")
    with Queue(empty) as queue:
        assert queue.get(receipt.id).state == "accepted"
        assert [run.id for run in empty.runs] == [queue.get(receipt.id).slug]


def test_an_upload_is_read_in_another_process(empty, packed):
    outcome = receive_upload(empty, packed, "visitor", filename="run.zip")
    assert outcome.id is not None, outcome.lines
    assert outcome.lines[0].startswith("Received mini-strong, seed 0 as ")
    assert any("Recomputed from the kept scores" in line for line in outcome.lines)


def test_a_maintainer_adds_runs_without_a_review(cli, empty, run, validated):
    done = cli("leaderboard", "add", run, validated / "runs" / "mini-vivid~textnorm", "--store", empty.folder)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"On the board: {kept.id}" for kept in empty.runs]
    frame = pd.read_parquet(run / "evaluations/epoch_00002.parquet")
    frame.assign(gold=1.0).to_parquet(run / "evaluations/epoch_00002.parquet", index=False)
    refused = cli("leaderboard", "add", run, "--store", empty.folder)
    assert refused.code == 1
    assert (
        "can't be shown as validated. The evaluation at epoch 2 has other scores than the journal says" in refused.err
    )
    assert len(empty.runs) == 2


@pytest.mark.parametrize(
    ("command", "options", "says"),
    [
        ("submit", ["--licence", "MIT"], "--licence is said of score tables"),
        ("submit", ["--calibration", "raw"], "--calibration is said of score tables"),
        ("add", ["--name", "x"], "--name is said of score tables"),
    ],
)
def test_options_of_score_tables_are_refused(cli, empty, run, command, options, says):
    words = ("submit", run) if command == "submit" else ("leaderboard", "add", run)
    done = cli(*words, *options, "--store", empty.folder)
    assert (done.code, says in done.err) == (2, True)


def test_runs_and_score_tables_are_not_mixed(cli, empty, run, embedded):
    table = next((embedded / "tables").iterdir())
    for words in (("submit", run, table), ("leaderboard", "add", table, run)):
        done = cli(*words, "--store", empty.folder)
        assert (done.code, "Expected score tables or fine-tuning runs, got both" in done.err) == (2, True)
    done = cli("submit", run, run, "--store", empty.folder)
    assert (done.code, "Expected one fine-tuning run, got 2" in done.err) == (2, True)


def test_a_run_that_is_too_large(run, tmp_path, monkeypatch):
    from tia2.leaderboard.submissions import run_package
    from tia2.leaderboard.submissions.limits import Limits

    monkeypatch.setattr(run_package, "LIMITS", Limits(upload=1000))
    with pytest.raises(LeaderboardError, match="Fewer evaluations or images per prompt take less"):
        build_run(run, tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()
