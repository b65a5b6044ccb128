"""A kept run is believed as far as it can be computed again, by somebody who changes any of its files."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tia2.finetune import RunFolder
from tia2.leaderboard.data.board import Board
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.finetuned import recheck as rechecking
from tia2.leaderboard.finetuned.recheck import rechecked

pytestmark = pytest.mark.slow
LAST = "evaluations/epoch_00002.parquet"


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """Reward models and prompts are loaded once for all tests with equal settings."""
    loaded, original = {}, rechecking.EntriesAgain

    def again(entries, settings):
        key = repr(entries), repr(settings.prompts)
        if key not in loaded:
            loaded[key] = original(entries, settings)
        return loaded[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rechecking, "EntriesAgain", again)
        yield


@pytest.fixture
def folder(validated, tmp_path):
    """The folder of a run that somebody may change."""
    return shutil.copytree(validated / "runs" / "mini-vivid~textnorm", tmp_path / "run")


def change_frame(folder, change, name=LAST, in_journal=True):
    """Change an evaluation's scores or images, and its line of the journal with it, as a forger would."""
    frame = pd.read_parquet(folder / name)
    frame = change(frame)
    frame.to_parquet(folder / name, index=False)
    if not in_journal:
        return
    epoch = int(name[-13:-8])

    def edit(record):
        if record["kind"] == "evaluation" and record["epoch"] == epoch:
            record |= {role: float(frame[role].mean()) for role in ("proxy", "gold", "watch0") if role in frame}

    change_journal(folder, edit)


def change_journal(folder, edit):
    records = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    for record in records:
        edit(record)
    (folder / "journal.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def change_facts(folder, edit):
    facts = json.loads((folder / "run.json").read_text())
    edit(facts)
    (folder / "run.json").write_text(json.dumps(facts))


def test_an_honest_run_is_computed_again_to_the_last_score(validated, validated_board):
    assert validated_board.run_problems == {}
    by_entry = {run.entry: run for run in validated_board.runs}
    assert set(by_entry) == {"mini-strong", "mini-vivid~textnorm"}
    for name, run in by_entry.items():
        other = next(entry for entry in by_entry if entry != name)
        assert run.recomputed == ("proxy", "watch0", "gold")
        assert run.judges == {"proxy": name, "watch0": other}
        written = json.loads((validated / "runs" / name / "report.json").read_text())
        assert json.loads(run.report.model_dump_json()) == written, "what the run's own report says"


def with_gold(frame):
    return frame.assign(gold=1.0)


def with_proxy(frame):
    return frame.assign(proxy=frame["proxy"] + 0.01)


def with_watched(frame):
    return frame.assign(watch0=frame["watch0"][::-1].to_numpy())


def with_swapped_images(frame):
    return frame.assign(image=frame["image"].to_numpy()[::-1])


def with_a_torn_image(frame):
    return frame.assign(image=[b"torn", *frame["image"][1:]])


def with_a_jpeg(frame):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, format="JPEG")
    return frame.assign(image=[buffer.getvalue(), *frame["image"][1:]])


def with_a_bomb(frame):
    buffer = io.BytesIO()
    Image.new("1", (5000, 5000)).save(buffer, format="PNG")
    return frame.assign(image=[buffer.getvalue(), *frame["image"][1:]])


def with_nan(frame):
    return frame.assign(proxy=np.nan)


def without_gold(frame):
    return frame.drop(columns="gold")


def with_other_parts(frame):
    return frame.assign(part="test")


def with_other_prompts(frame):
    return frame.assign(prompt="two red circles")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (with_gold, "The exact judge gives"),
        (with_proxy, "The entry proxy gives 12 of 12 images at epoch 2 other scores than the run kept"),
        (with_watched, "The entry watch0 gives"),
        (with_swapped_images, "other scores than the run kept: its images or its scores were changed"),
        (with_a_torn_image, "image 0 can't be decoded"),
        (with_a_jpeg, "image 0 can't be decoded"),
        (with_a_bomb, "image 0 has 5000 × 5000 pixels"),
        (with_nan, "scores that are NaN or infinite"),
        (without_gold, "has no gold"),
        (with_other_parts, "is of other prompts or images than the first one"),
        (with_other_prompts, "is of other prompts or images than the first one"),
    ],
)
def test_changed_images_and_scores_are_named(folder, change, says):
    change_frame(folder, change)
    outcome = rechecking.recheck(RunFolder(folder))
    (problem,) = outcome.problems
    assert says in problem
    assert not outcome.valid


def lower_kl(record):
    if record["kind"] == "evaluation":
        record["kl"] = 0.0


def negative_kl(record):
    if record["kind"] == "evaluation" and record["epoch"]:
        record["step_kl"] = [-1.0, *record["step_kl"][1:]]
        record["kl"] = -1.0


def other_epoch(record):
    if record["epoch"] == 2:
        record["epoch"] = 3


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lower_kl, "KL divergence that isn't the sum of its steps"),
        (negative_kl, "or is no divergence"),
        (other_epoch, "The journal has evaluations at the epochs [0, 1, 3]; the files are of [0, 1, 2]."),
        (lambda record: record.pop("proxy", None), "don't fit together: it lacks 'proxy'"),
        (lambda record: record.update(gold=0.9) if "gold" in record else None, "other scores than the journal says"),
    ],
)
def test_a_changed_journal_is_named(folder, edit, says):
    change_journal(folder, edit)
    assert says in " ".join(rechecking.recheck(RunFolder(folder)).problems)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda facts: facts["settings"].update(seed=-1), "seed"),
        (lambda facts: facts["settings"]["prompts"].update(train=[5, 6]), "prompts of the evaluations aren't those"),
        (lambda facts: facts["settings"]["reward"].update(proxy="mini-strong"), "The entry proxy gives"),
        (lambda facts: facts["settings"]["reward"].update(gold=None), "run.json names the judges"),
        (lambda facts: facts["judges"].update(gold="the best judge of all"), "its settings have the exact judge"),
        (lambda facts: facts.update(judges=["proxy"]), "names no judges"),
        (lambda facts: facts.pop("settings"), "don't fit together"),
    ],
)
def test_changed_settings_are_named(folder, edit, says):
    change_facts(folder, edit)
    assert says in " ".join(rechecking.recheck(RunFolder(folder)).problems)


def test_what_a_run_says_of_its_reward_is_replaced_by_what_was_loaded(folder, validated_store):
    """A run on a weak reward can't pass for one on a strong reward."""

    def edit(facts):
        facts["entries"]["proxy"]["rewards"][0]["fingerprint"] = "0" * 64

    change_facts(folder, edit)
    outcome = rechecking.recheck(RunFolder(folder))
    assert outcome.valid
    honest = rechecked(validated_store.runs[1], validated_store.index)
    assert outcome.identities["proxy"] == honest.identities["proxy"]


def test_without_models_rewards_are_as_the_run_kept_them_and_gold_is_judged(folder, monkeypatch):
    monkeypatch.setattr(rechecking, "models_are_here", lambda: False)
    outcome = rechecking.recheck(RunFolder(folder))
    assert outcome.valid
    assert outcome.recomputed == ["gold"]
    assert len(outcome.identities["proxy"].fingerprints[0]) == 64
    change_frame(folder, with_gold)
    assert "The exact judge gives" in " ".join(rechecking.recheck(RunFolder(folder)).problems)


def test_it_is_computed_once_and_a_changed_file_is_noticed(validated_store, monkeypatch):
    (first, second) = validated_store.runs
    before = rechecked(first, validated_store.index)
    with monkeypatch.context() as patch:
        patch.setattr(rechecking, "recheck", lambda folder: pytest.fail(f"computed again: {folder}"))
        assert rechecked(first, validated_store.index) == before
        change_frame(second.path, with_gold, in_journal=False)
        assert rechecked(second, validated_store.index).problems == [
            f"{LAST} isn't the file that was added: take the run off the board, or add it again."
        ]
    board = Board.load(validated_store, "mini", index=Index(validated_store, resamples=200))
    assert [run.id for run in board.runs] == [first.id]
    assert list(board.run_problems) == [second.id]
    assert "mini-vivid~textnorm" not in board.validated
