from __future__ import annotations

import sys

import pytest

from tia2.leaderboard.submissions import web
from tia2.leaderboard.submissions.checking import isolated
from tia2.leaderboard.submissions.limits import Limits
from tia2.leaderboard.submissions.queue import Queue

APART = True


def test_a_good_upload_waits(store, good):
    outcome = web.receive_upload(store, good, "visitor", filename="mine.zip")
    with Queue(store) as queue:
        (queued,) = queue.pending()
    assert (queued.id, queued.filename, queued.submitter) == (outcome.id, "mine.zip", "visitor")
    assert outcome.lines == (
        f"Received newcomer as {outcome.id}. It will be on the board once a maintainer has accepted it.",
        f"Keep this receipt, with which you can withdraw or replace it: {outcome.id}.{outcome.key}",
    )


@pytest.mark.parametrize("apart", [True, False])
def test_limits_hold(store, good, apart):
    outcome = web.receive_upload(store, good, "visitor", limits=Limits(an_hour=0), apart=apart)
    assert outcome.lines == (
        "Refused: 0 submissions came from you within an hour, which is the most: try again later.",
    )


def test_a_check_that_crashes_is_one_sentence(store, good, monkeypatch):
    monkeypatch.setattr(isolated, "_START", "import os; os.abort()")
    outcome = web.receive_upload(store, good, "visitor")
    assert outcome.id is None
    (line,) = outcome.lines
    assert line.startswith("The submission could not be checked: it stopped with exit code -6")


def test_a_check_that_hangs_is_one_sentence(store, good, monkeypatch):
    monkeypatch.setattr(isolated, "_START", "import time; time.sleep(60)")
    monkeypatch.setattr(web, "PATIENCE", 0.2)
    assert web.receive_upload(store, good, "visitor").lines == (
        "The submission could not be checked: it took more than 0.2 seconds.",
    )


def test_files_are_read_in_another_process(store, good, monkeypatch):
    from tia2.leaderboard.submissions.checking.report import RefusedError
    from tia2.leaderboard.submissions.checking.validation import validate

    monkeypatch.setattr(isolated, "_START", "import os; os._exit(9)")
    with pytest.raises(RefusedError, match="The score tables can't be read: it stopped with exit code 9"):
        validate(good, store)


def test_the_working_folder_is_never_imported_from(store, good, tmp_path, monkeypatch):
    (tmp_path / "pyarrow.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert web.receive_upload(store, good, "visitor").id
