"""Runs in a store: which files are kept, by which digests, and what is no longer believed."""

import json
import logging
import shutil

import pytest

from tia2.errors import FinetuneError, LeaderboardError, UnknownNameError
from tia2.leaderboard.data.boards import Live
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.finetuned.files import FILE, sha256
from tia2.leaderboard.submissions.backup import backup, restore

pytestmark = pytest.mark.slow


def test_what_is_kept_of_a_run(validated):
    store = Store(validated / "store")
    assert len(store.runs) == 2
    for run in store.runs:
        kept = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}
        assert kept == {"record.json", *run.record.files}
        assert {"run.json", "journal.jsonl", "evaluations/epoch_00002.parquet"} < kept
        assert all(FILE.fullmatch(name) for name in run.record.files), "neither weights nor a checkpoint"
        assert all(sha256(run.path / name) == digest for name, digest in run.record.files.items())
        assert run.changed_file() is None
        assert run.record.added_by == "a test"
        assert run.id.endswith(run.record.digest[:8])


def test_a_run_is_added_once_and_can_be_removed(validated, validated_store):
    (folder,) = (validated / "runs" / "mini-strong",)
    before = validated_store.stamp()
    present = [run for run in validated_store.runs if run.id.startswith("mini-strong-")]
    assert validated_store.add_run(folder, "somebody else") == present[0]
    assert validated_store.stamp() == before
    validated_store.remove_run(present[0].id)
    assert validated_store.stamp() != before
    assert len(validated_store.runs) == 1
    with pytest.raises(UnknownNameError, match="run"):
        validated_store.remove_run(present[0].id)
    again = validated_store.add_run(folder, "somebody else")
    assert (again.id, again.record.added_by) == (present[0].id, "somebody else")


def test_an_evaluation_that_was_cut_short_is_left_out(validated, validated_store, tmp_path):
    folder = shutil.copytree(validated / "runs" / "mini-strong", tmp_path / "run")
    journal = folder / "journal.jsonl"
    lines = [line for line in journal.read_text().splitlines() if json.loads(line)["epoch"] < 2]
    journal.write_text("\n".join(lines) + "\n" + '{"kind": "evaluation", "epo')
    kept = validated_store.add_run(folder)
    assert sorted(kept.record.files) == [
        "evaluations/epoch_00000.parquet", "evaluations/epoch_00001.parquet", "journal.jsonl", "run.json",
    ]  # fmt: skip


def test_what_is_no_run_is_refused_in_one_sentence(validated, validated_store, tmp_path):
    with pytest.raises(FinetuneError, match=r"holds no fine-tuning run: there is no run\.json"):
        validated_store.add_run(tmp_path)
    folder = shutil.copytree(validated / "runs" / "mini-strong", tmp_path / "run")
    (folder / "journal.jsonl").unlink()
    with pytest.raises(LeaderboardError, match="has 0 evaluations, and a curve needs two at least"):
        validated_store.add_run(folder)
    assert len(validated_store.runs) == 2


@pytest.mark.parametrize(
    "content", [b"{}", b"no json", b'{"added": "x", "files": {"../a": "00", "b": "00", "c": "00"}}']
)
def test_a_damaged_record_names_its_file(validated_store, content):
    path = validated_store.runs[0].path / "record.json"
    path.write_bytes(content)
    with pytest.raises(LeaderboardError, match=r"record\.json is damaged"):
        _ = validated_store.runs


def test_a_backup_holds_the_runs(validated_store, tmp_path):
    backup(validated_store, tmp_path / "all.tar.gz")
    again = restore(tmp_path / "all.tar.gz", tmp_path / "again")
    assert again.runs == [type(run)(run.id, again.shelf / run.id, run.record) for run in validated_store.runs]
    assert [run.changed_file() for run in again.runs] == [None, None]


def test_summaries_without_images_are_shown_nowhere_and_named_once(embedded, tmp_path, caplog):
    store = Store(shutil.copytree(embedded, tmp_path / "store"))
    for listing in store.listings:
        store.remove_listing(listing.id)
    store.shelf.mkdir()
    (store.shelf / "believed.json").write_text('{"name": "believed", "gain": 9.0}')
    with caplog.at_level(logging.WARNING):
        live = Live(store)
    (record,) = [record for record in caplog.records if "believed.json" in record.getMessage()]
    assert "tia2 leaderboard add RUN, or tia2 finetune validate" in record.getMessage()
    assert live.board().runs == ()
