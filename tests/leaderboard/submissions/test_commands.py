"""`tia2 submit` and what maintainers type."""

from __future__ import annotations

import json
from html import unescape
from typing import NamedTuple

import pytest

from tia2.leaderboard.submissions.checking.validation import validate
from tia2.leaderboard.submissions.queue import Queue


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def review(capsys):
    """The commands below `tia2 leaderboard`, by themselves."""
    import typer

    from tia2.errors import Tia2Error
    from tia2.leaderboard.commands.review import review_app

    command = typer.main.get_command(review_app)

    def run(*words: object) -> Said:
        capsys.readouterr()
        try:
            command([str(word) for word in words], standalone_mode=False)
        except Tia2Error as error:
            return Said(1, capsys.readouterr().out, str(error))
        return Said(0, *capsys.readouterr())

    return run


@pytest.fixture
def table(make_table, tmp_path):
    make_table().save(tmp_path / "mine")
    return tmp_path / "mine"


def test_submit_review_accept(cli, review, store, table):
    where = ("--store", store.folder)
    said = cli("submit", table, "--contact", "https://example.org/me", "--licence", "MIT", *where)
    assert said.code == 0, said.err
    assert "newcomer waits for a review" in said.out
    assert "warning: The training data is unknown" in said.err
    with Queue(store) as queue:
        (queued,) = queue.pending()
    assert f"tia2 leaderboard review --accept {queued.id[:8]} --store {store.folder}" in said.out
    listed = review("review", *where).out
    assert queued.id[:8] in listed
    assert "warning: The training data is unknown" in listed
    assert json.loads(review("review", "--json", *where).out)[0]["id"] == queued.id
    assert "newcomer" in review("review", "--show", queued.id[:8], *where).out
    assert json.loads(review("review", "--show", queued.id[:8], "--json", *where).out)["state"] == "pending"
    done = review("review", "--accept", queued.id[:8], "--by", "maintainer", *where)
    assert done.out == "newcomer is on the board as newcomer.\n"
    assert "No submission waits" in review("review", *where).out
    lines = json.loads(review("log", "--json", *where).out)
    assert [(line["who"] == "maintainer", line["what"]) for line in lines] == [(False, "received"), (True, "accepted")]
    assert "accepted" in review("log", *where).out
    (listing,) = [listing for listing in store.listings if listing.id == "newcomer"]
    assert [one.slug for one in listing.calibrations] == ["", "textnorm", "textnorm-cv", "textnorm-oracle"]
    assert listing.card.contact == "https://example.org/me"


def test_reject(cli, review, store, table):
    where = ("--store", store.folder)
    found = json.loads(cli("submit", table, "--json", *where).out)
    said = review("review", "--reject", found["id"], *where)
    assert (said.code, "Expected a reason" in said.err) == (1, True)
    assert review("review", "--reject", found["id"], "--reason", "a copy", *where).out == "newcomer is rejected.\n"
    assert "a copy" in review("log", *where).out


def test_build_only_then_add(cli, review, store, table, tmp_path):
    out = tmp_path / "mine.zip"
    said = cli("submit", table, "--out", out, "--store", store.folder)
    assert (said.code, said.out) == (0, f"Wrote {out}\n")
    assert validate(out, store).submission.benchmark == "small"
    with Queue(store) as queue:
        assert queue.pending() == []
    assert "waits for a review" in review("review", "--add", out, "--store", store.folder).out
    again = cli("submit", table, "--out", out, "--store", store.folder)
    assert (again.code, "is there already" in again.err) == (1, True)


def test_what_to_make_of_it(cli, store, table, tmp_path):
    words = ("--calibration", "raw", "--calibration", "textnorm", "--setting", "fixed", "--setting", "cv")
    out = tmp_path / "mine.zip"
    assert cli("submit", table, *words, "--out", out, "--store", store.folder).code == 0
    made = validate(out, store).submission.calibrations
    assert [one.slug for one in made] == ["", "textnorm", "textnorm-cv"]


def test_an_ensemble(cli, store, table, make_table, tmp_path):
    make_table(name="other", seed=4).save(tmp_path / "other")
    both = (table, tmp_path / "other")
    assert "Expected --name for an ensemble of 2" in cli("submit", *both, "--store", store.folder).err
    out = tmp_path / "both.zip"
    said = cli("submit", *both, "--name", "both", "--ensemble", "ur", "--out", out, "--store", store.folder)
    assert said.code == 0, said.err
    assert [one.slug for one in validate(out, store).submission.calibrations] == ["ur-textnorm"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--name", "pick-score"), 1, "The name 'pick-score' is taken by a model on the board"),
        (("--name", "x" * 61), 1, "--name doesn't fit: String should have at most 60 characters"),
        (("--contact", "javascript:alert(1)"), 1, "The contact must be an address like"),
        (("--calibration", "textnrm"), 1, "Unknown calibration 'textnrm'. Did you mean 'textnorm'?"),
        (("--ensemble", "mean"), 1, "An ensemble needs at least two score tables"),
        (("--cite", "nothing.bib"), 1, "--cite nothing.bib can't be read"),
        (("--hub", "a/b", "--out", "x.zip"), 2, "Expected --hub or --out, got both"),
        (("--out", "x.exe"), 2, "Expected --out to end in .zip"),
        (("--hub", "nothing"), 1, "Expected a dataset repository as OWNER/NAME, got 'nothing'"),
    ],
)
def test_refused_in_one_line(cli, store, table, words, code, says):
    said = cli("submit", table, *words, "--store", store.folder)
    (line,) = [line for line in said.err.splitlines() if not line.startswith("warning")]
    assert (said.code, said.out) == (code, "")
    assert line.startswith("error: ")
    assert says in line
    with Queue(store) as queue:
        assert queue.pending() == []


def test_no_score_table(cli, store, tmp_path):
    assert "There is no score table at" in cli("submit", tmp_path / "nothing", "--store", store.folder).err


def test_a_benchmark_that_the_store_has_not(cli, tmp_path, table):
    from tia2.leaderboard.data.store import Store

    empty = Store.create(tmp_path / "empty", "Empty")
    said = cli("submit", table, "--store", empty.folder)
    assert "The leaderboard has no benchmark 'small'; it has none yet." in said.err
    said = cli("submit", table, "--store", empty.folder, "--out", tmp_path / "mine.zip")
    assert said.code == 0
    assert "has no benchmark small, so rewards were not compared" in " ".join(said.err.split())


def test_backup_and_restore(review, store, tmp_path):
    out = tmp_path / "backup.tar.gz"
    assert f"files to {out}" in review("backup", out, "--store", store.folder).out
    assert f"Test is in {tmp_path / 'again'}" in review("restore", out, tmp_path / "again").out


def test_no_leaderboard(review, tmp_path):
    assert "holds no leaderboard" in review("review", "--store", tmp_path).err


def test_only_one_thing_at_a_time(review, store):
    said = review("review", "--accept", "abcd", "--reject", "abcd", "--store", store.folder)
    assert "Expected one of --accept, --reject, --show and --add, got 2" in said.err


def test_show_is_the_whole_picture(cli, review, store, table, tools, tmp_path):
    where = ("--store", store.folder)
    words = ("--description", "A <b>bold</b> claim & more", "--training-data", "LAION-400M", "--licence", "MIT")
    assert cli("submit", table, *words, *where).code == 1, "markup is refused"
    words = ("--description", "A bold claim & more", *words[2:])
    submission = json.loads(cli("submit", table, *words, "--json", *where).out)["id"]
    before = tools.contents(store.folder / "listings")
    page = tmp_path / "mine.html"
    shown = review("review", "--show", submission, "--page", page, *where)
    for text in ("A bold claim & more", "LAION-400M", "figures: tables/0", "nearest entries", "'pick-score'"):
        assert text in shown.out.replace("\n", " "), text
    assert "The board as it would be: overall, by AUROC" in shown.out
    assert "newcomer + TextNorm (cv) (new)" in " ".join(shown.out.split())
    facts = json.loads(review("review", "--show", submission, "--json", *where).out)
    assert facts["card"]["licence"] == "MIT"
    assert set(facts["figures"]["newcomer"]) == {"counting", "composition", "overall"}
    ranked = [row for row in facts["board"]["rows"] if row["rank"]]
    assert [row["rank"] for row in ranked] == list(range(1, len(ranked) + 1))
    assert {row["name"] for row in ranked if row["before"]} == {"pick-score", "pick-score + TextNorm"}
    assert "key_sha256" not in facts
    html = page.read_text(encoding="utf-8")
    assert "A bold claim &amp; more" in html
    assert "<script" not in html
    assert "default-src 'none'" in unescape(html)
    assert "nearest entries" in html
    assert tools.contents(store.folder / "listings") == before, "nothing is on the board yet"
    assert not (store.folder / "tables" / facts["id"]).exists()
    said = review("review", "--page", page, *where)
    assert "--page belongs to --show" in said.err


def test_status_withdraw_replace_and_remove(cli, review, store, table, make_table, tmp_path):
    where = ("--store", store.folder)
    receipt = json.loads(cli("submit", table, "--json", *where).out)["receipt"]
    name = receipt.partition(".")[0]
    assert "newcomer, received on" in review("status", name, *where).out
    assert json.loads(review("status", name, "--json", *where).out)["state"] == "pending"
    make_table(seed=9).save(tmp_path / "again")
    second = json.loads(cli("submit", tmp_path / "again", "--replaces", receipt, "--json", *where).out)["receipt"]
    assert "was withdrawn on" in review("status", name, *where).out
    assert "not the key" in review("status", f"{second.partition('.')[0]}.0", "--withdraw", *where).err
    assert "was withdrawn on" in review("status", second, "--withdraw", *where).out
    assert review("remove", "pick-score", "--reason", "a test", *where).out == "pick-score is off the board.\n"
    assert store.listings == []
    assert "removed" in review("log", *where).out
    said = cli("submit", table, "--replaces", "x", "--out", tmp_path / "x.zip", *where)
    assert "--replaces is for a leaderboard in a folder" in said.err
