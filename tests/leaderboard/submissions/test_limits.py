"""Shares of the queue and of the disk, numbers that make sense, and no folder of anybody's in what is said or sent."""

from __future__ import annotations

import json
import re
import shutil
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from tia2.calibration import TextNorm
from tia2.leaderboard.submissions import quotas, web
from tia2.leaderboard.submissions.checking.report import RefusedError
from tia2.leaderboard.submissions.checking.validation import validate
from tia2.leaderboard.submissions.limits import UNLIMITED, Limits
from tia2.leaderboard.submissions.paths import public_spec, public_values
from tia2.leaderboard.submissions.queue import Queue

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.zip"
    path.write_bytes(b"no zip")
    return path


def test_every_upload_counts_accepted_or_not(store, bad, good):
    limits = Limits(uploads=3)
    for _ in range(3):
        assert "no zip archive" in web.receive_upload(store, bad, "a", limits=limits, apart=False).lines[0]
    (line,) = web.receive_upload(store, good, "a", limits=limits, apart=False).lines
    assert line == "Refused: 3 files came from you within an hour, which is the most: try again later."
    assert web.receive_upload(store, good, "b", limits=limits, apart=False).id
    (line,) = web.receive_upload(store, bad, "c", limits=Limits(uploads_in_all=4), apart=False).lines
    assert line == "Refused: 4 files came within an hour, which is the most: try again later."


def test_an_hour_later_there_is_a_new_share(store):
    with Queue(store, Limits(uploads=1)) as queue:
        queue.count_upload("a", 1, NOON)
        with pytest.raises(RefusedError):
            queue.count_upload("a", 1, NOON + timedelta(minutes=59))
        queue.count_upload("a", 1, NOON + timedelta(minutes=61))


def test_shares_of_the_queue_and_of_the_disk(store, pack, make_table, card, monkeypatch):
    first, second = (
        pack(make_table(seed=seed), card=card.model_copy(update={"name": f"model {seed}x"})) for seed in (31, 32)
    )
    size = first.stat().st_size
    with Queue(store, Limits(pending_each=1)) as queue:
        queue.receive(first, "a")
        with pytest.raises(RefusedError, match="1 submissions of yours wait for a review, which is the most"):
            queue.receive(second, "a")
    for limits, says in (
        (Limits(waiting_each=size + 10), "Your files that wait for a review may take 0 MiB"),
        (Limits(waiting=size + 10), "All files that wait for a review may take 0 MiB"),
        (Limits(free=1 << 60), "disk is nearly full"),
    ):
        with Queue(store, limits) as queue, pytest.raises(RefusedError, match=says):
            queue.receive(second, "a")
    usage = shutil.disk_usage(store.folder)
    monkeypatch.setattr(quotas.shutil, "disk_usage", lambda _: usage._replace(free=0))
    with Queue(store, UNLIMITED) as queue:
        assert queue.receive(second, "a").id, "whoever has the folder decides"


@pytest.mark.parametrize(
    ("calibration", "says"),
    [
        (TextNorm(temperature=1e-300), "has temperature 1e-300; expected 1e-06 to 1e+06"),
        (TextNorm(temperature=1e9), "has temperature 1e+09; expected 1e-06 to 1e+06"),
        (TextNorm(factor=1e-12), "has factor 1e-12; expected"),
    ],
)
def test_temperatures_beyond_all_sense(store, pack, make_table, calibration, says):
    with pytest.raises(RefusedError, match=re.escape(says)):
        validate(pack(make_table(), calibrations=[calibration]), store)


def test_values_that_order_nothing(store, pack, make_table):
    # The prompt's own reward is so far above the contrastive prompts' that its share is 1 whatever the image.
    rewards = make_table().rewards.copy()
    rewards[:, 0] += 1000
    with pytest.raises(RefusedError, match="gives the items of every prompt one value"):
        validate(pack(make_table(rewards), calibrations=[TextNorm(temperature=0.5)]), store)


def test_a_documented_temperature_beyond_all_sense(store, good, tools):
    path = tools.edit_json(
        good, "tables/0/manifest.json", lambda found: found["reward"]["card"].update(default_temperature=1e-300)
    )
    with pytest.raises(RefusedError, match="gives a default temperature of 1e-300; expected 1e-06 to 1e"):
        validate(path, store)


def test_the_submission_says_nothing_of_folders(store, pack, make_table, tools):
    table = make_table()
    reward = table.manifest.reward
    card = reward.card.model_copy(update={"hub_id": "/home/me/models/mine", "notes": "From /home/me/models/mine/x.pt."})
    update = {
        "spec": "/home/me/secret project/mine.py:Mine", "argument": "/home/me/models/mine", "card": card,
        "options": {"weights": "/home/me/x.pt", "more": ["~/y"], "hub": "openai/clip"},
    }  # fmt: skip
    table.manifest = table.manifest.model_copy(update={"reward": reward.model_copy(update=update)})
    path = pack(table)
    manifest = json.loads(tools.files_of(path)["tables/0/manifest.json"])["reward"]
    assert manifest["spec"] == "mine.py:Mine"
    assert manifest["options"] == {"weights": "x.pt", "more": ["y"], "hub": "openai/clip"}
    assert "/home" not in json.dumps(manifest)
    assert manifest["fingerprint"] == reward.fingerprint
    # What other tools built is cleaned when it is taken in.
    rude = tools.edit_json(path, "tables/0/manifest.json", lambda found: found["reward"].update(spec="/home/me/a.py:A"))
    (taken,) = validate(rude, store).tables
    assert taken.manifest.reward.spec == "a.py:A"
    assert "/home" not in taken.manifest.model_dump_json()


def test_specifications():
    specs = ["clip:/home/me/m", "/home/me/mine.py:Mine", "clip:org/name", "mine.py:Mine", "~/x/y.py", "C:\\a\\b.py:M"]
    assert [*map(public_spec, specs)] == ["clip:m", "mine.py:Mine", "clip:org/name", "mine.py:Mine", "y.py", "b.py:M"]
    settings = {"a": "https://a/b", "b": "/x/y.py:Mine", "c": ["clip:/x/y", "openai/clip", "red / blue"], "d": "/x/sd"}
    assert public_values(settings) == {
        "a": "https://a/b", "b": "y.py:Mine", "c": ["clip:y", "openai/clip", "red / blue"], "d": "sd",
    }  # fmt: skip


def test_answers_say_nothing_of_folders(store, good):
    (store.folder / "queue.sqlite").write_bytes(b"no database at all" * 100)
    (line,) = web.receive_upload(store, good, "a", apart=False).lines
    assert line.startswith("The submission could not be taken: queue.sqlite is damaged")
    assert str(store.folder) not in line


def test_a_typo_makes_no_board(cli, make_table, tmp_path):
    make_table().save(tmp_path / "mine")
    said = cli("submit", tmp_path / "mine", "--store", tmp_path / "bords")
    assert said.code == 1
    assert "bords holds no leaderboard" in said.err
    assert not (tmp_path / "bords").exists()


def test_flags_are_for_reviewers(store, pack, make_table):
    (resident,) = store.listings
    copy = pack(make_table(store.table(resident.tables[0]).rewards.astype(np.float64)))
    outcome = web.receive_upload(store, copy, "a", apart=False)
    assert outcome.id
    assert not any("orders items" in line or "looked at" in line for line in outcome.lines)
    with Queue(store) as queue:
        assert queue.get(outcome.id).report.flags
