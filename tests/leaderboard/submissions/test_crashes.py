"""Kill -9 while a submission is taken in or accepted, and two reviewers at once: what is found afterwards is whole."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.checking.validation import validate
from tia2.leaderboard.submissions.queue import Queue

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def run(fork, tmp_path):
    def go(groups: list[list[dict]]) -> list[list[str]]:
        scratch = tmp_path / "said"
        scratch.mkdir()
        started = fork(scratch, json.dumps(groups), code=Path(__file__).with_name("crashes.py").read_text("utf-8"))
        assert started.wait() == 0, started.err.read_text(encoding="utf-8")
        return json.loads((scratch / "said.json").read_text(encoding="utf-8"))

    return go


def check(store: Store) -> str | None:
    """Open the queue as a restarted server would, and return the submission's state if there is one."""
    with Queue(store) as queue:
        rows = queue._database.rows("SELECT id, state FROM submissions")
        uploads = {path.stem for path in (store.folder / "uploads").glob("*")}
        assert uploads == {row["id"] for row in rows if row["state"] == "pending"}, "files are those of waiting rows"
        (state,) = {row["state"] for row in rows} or {None}
        listed = [listing for listing in store.listings if listing.id == "newcomer"]
        assert bool(listed) == (state == "accepted"), "the board says what the queue says"
        for listing in listed:
            for digest in listing.tables:
                assert len(store.table(digest)) == 80
        assert [line.what for line in queue.log()].count("accepted") == (state == "accepted")
        for queued in queue.pending():
            validate(store.folder / "uploads" / f"{queued.id}.zip", store, suspicion=False)
    return state


@pytest.fixture
def copies(store, tmp_path):
    def make(number: int) -> list[Store]:
        found = []
        for place in range(number):
            shutil.copytree(store.folder, tmp_path / f"copy-{place}")
            found.append(Store(tmp_path / f"copy-{place}"))
        return found

    return make


@pytest.mark.slow
def test_killed_while_receiving(run, copies, good):
    points = [(0, "before"), (0, "after")]
    stores = copies(len(points))
    groups = [
        [{"store": str(store.folder), "what": "receive", "of": str(good), "kill": kill, "when": when}]
        for store, (kill, when) in zip(stores, points, strict=True)
    ]
    said = run(groups)
    assert said == [["killed"], ["killed"]]
    for store in stores:
        assert check(store) is None, "the row comes last"
        with Queue(store) as queue:
            queue.receive(good, "somebody")
        assert check(store) == "pending"


@pytest.mark.slow
def test_killed_while_accepting(run, store, copies, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
    # The table's items, shard and manifest, the table, the listing.
    points = [(0, "before"), (2, "after"), (3, "before"), (3, "after"), (4, "before"), (4, "after")]
    stores = copies(len(points))
    groups = [
        [{"store": str(copy.folder), "what": "accept", "of": receipt.id, "kill": kill, "when": when}]
        for copy, (kill, when) in zip(stores, points, strict=True)
    ]
    assert run(groups) == [["killed"]] * len(points), "every point lies before the end"
    for copy in stores:
        assert check(copy) == "accepted", "an announced acceptance is carried through"
        with Queue(copy) as queue:
            assert queue.log()[-1].who == "maintainer"


@pytest.mark.slow
def test_two_reviewers_at_once(run, store, good):
    with Queue(store) as queue:
        receipt = queue.receive(good, "somebody")
    job = {"store": str(store.folder), "what": "accept", "of": receipt.id, "kill": None, "when": ""}
    said = run([[{**job, "by": "one"}, {**job, "by": "another"}, {**job, "by": "third"}]])[0]
    assert "newcomer" in said
    assert all(text == "newcomer" or "is being accepted by" in text for text in said), said
    assert check(store) == "accepted"
    assert len([listing for listing in store.listings if listing.id == "newcomer"]) == 1


@pytest.mark.slow
def test_many_open_a_new_queue_at_once(run, store, pack, make_table, card):
    paths = [
        pack(make_table(seed=number), card=card.model_copy(update={"name": f"racer {number}x"})) for number in range(3)
    ]
    job = {"store": str(store.folder), "what": "receive", "kill": None, "when": ""}
    said = run([[{**job, "of": str(path)} for path in paths]])[0]
    with Queue(store) as queue:
        assert sorted(queued.id for queued in queue.pending()) == sorted(said)
