"""The store of votes: exact, idempotent, undone by mark, copied while people vote."""

from __future__ import annotations

import itertools
import sqlite3
import stat
import threading
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tia2.errors import StudyError
from tia2.people.store import tokens
from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study

YES, NO = {"alignment": "yes"}, {"alignment": "no"}


def vote_all(study, raters, answer=YES, ahead=1):
    """Let raters vote in turns until nothing waits for anybody."""
    ids = itertools.count()
    active = list(raters)
    while active:
        for rater in list(active):
            queue = study.queue(rater, ahead)
            if not queue.assignments:
                active.remove(rater)
            for given in queue.assignments:
                value = answer(rater, given) if callable(answer) else answer
                assert study.vote(rater, given.id, value, f"{rater.id}-{next(ids)}")


@pytest.mark.parametrize("raters", [3, 5, 11])
def test_every_item_gets_exactly_its_votes_from_different_people(new_study, raters):
    study = new_study(30, votes_per_item=3)
    vote_all(study, [study.add_rater(f"rater {number}") for number in range(raters)], ahead=2)
    votes = study.votes()
    assert Counter(votes["item"]) == {f"item {number}": 3 for number in range(30)}
    assert not votes.duplicated(["item", "rater"]).any()


def test_a_vote_that_is_sent_again_counts_once(new_study):
    study = new_study()
    rater = study.add_rater("Ann")
    (given,) = study.queue(rater).assignments
    assert study.vote(rater, given.id, YES, "one")
    assert study.vote(rater, given.id, YES, "one"), "the page may ask again after a lost connection"
    assert not study.vote(rater, given.id, NO, "another"), "of a second tab"
    assert study.votes()["alignment"].tolist() == ["yes"]


def test_undo_asks_again_and_keeps_what_was_undone(new_study):
    study = new_study()
    rater = study.add_rater("Ann")
    first, second = study.queue(rater, 2).assignments
    study.vote(rater, first.id, YES, "one")
    assert study.queue(rater).last == "one"
    for _ in range(2):
        assert study.undo(rater, "one"), "twice is once"
    assert [given.id for given in study.queue(rater, 2).assignments] == [first.id, second.id]
    assert study.vote(rater, first.id, NO, "two")
    assert study.vote(rater, first.id, YES, "one"), "a late copy of the undone vote changes nothing"
    assert study.votes()["alignment"].tolist() == ["no"]
    assert study.votes(everything=True)["alignment"].tolist() == ["yes", "no"]
    assert study.votes(everything=True)["undone"].notna().tolist() == [True, False]


def test_nobody_votes_or_undoes_or_looks_in_the_place_of_another(new_study):
    study = new_study()
    ann, bob = study.add_rater("Ann"), study.add_rater("Bob")
    (given,) = study.queue(ann).assignments
    with pytest.raises(StudyError, match="not given to you"):
        study.vote(bob, given.id, YES, "one")
    with pytest.raises(StudyError, match="no such image"):
        study.picture(bob, given.id, 0)
    study.vote(ann, given.id, YES, "one")
    assert not study.undo(bob, "one")
    (other,) = study.queue(bob).assignments
    assert not study.vote(bob, other.id, YES, "one"), "an id that Ann's vote has"
    assert study.votes()["rater"].tolist() == ["Ann"]


def test_an_item_that_nobody_comes_back_for_goes_to_another_and_is_not_counted_twice(new_study):
    time = SimpleNamespace(now=0.0)
    study = new_study(1, votes_per_item=1, hold_minutes=30, clock=lambda: time.now)
    ann, bob = study.add_rater("Ann"), study.add_rater("Bob")
    (left,) = study.queue(ann).assignments
    assert study.queue(bob).assignments == ()
    time.now = 31 * 60
    (taken,) = study.queue(bob).assignments
    assert study.vote(bob, taken.id, YES, "bob's")
    assert not study.vote(ann, left.id, NO, "ann's"), "too late: exactly one vote was wanted"
    assert study.votes()["rater"].tolist() == ["Bob"]


def test_who_comes_back_late_still_counts_if_nobody_took_over(new_study):
    time = SimpleNamespace(now=0.0)
    study = new_study(2, votes_per_item=1, clock=lambda: time.now)
    ann = study.add_rater("Ann")
    left = study.queue(ann, 2).assignments
    time.now = 1e6
    study.queue(study.add_rater("Bob"), 1)
    assert sorted(study.vote(ann, given.id, NO, given.id) for given in left) == [False, True]


def test_known_answers_and_repeats_are_mixed_in_and_look_like_any_item(new_study):
    study = new_study(30, gold=4, votes_per_item=1, gold_share=0.2, repeat_share=0.3, repeat_gap=3)
    rater = study.add_rater("Ann")
    vote_all(study, [rater])
    votes = study.votes()
    assert (votes["slot"] == "item").sum() == 30
    assert 1 <= (votes["slot"] == "gold").sum() <= 4
    repeats = votes[votes["slot"] == "repeat"]
    assert len(repeats) > 3
    firsts = votes[votes["slot"] == "item"].set_index("item")["position"]
    assert all(row.position - firsts[row.item] >= 3 for row in repeats.itertuples())
    ids = [row[0] for row in study.file.rows("SELECT id FROM assignments")]
    assert len(set(map(len, ids))) == 1, "all ids are of one form"


def test_sides_of_a_pair_are_those_that_were_shown(new_study):
    study = new_study(8, votes_per_item=2, question={"kind": "pair", "aspects": ["fidelity"]})
    raters = [study.add_rater(name) for name in ("Ann", "Bob")]
    a_files = {item.key: item.images[0] for item in study.items()}
    prompts = {item.prompt: item.key for item in study.items()}

    def sees(rater, given):
        left = study.picture(rater, given.id, 0).name
        return {"fidelity": "left" if left == a_files[prompts[given.prompt]] else "right"}

    vote_all(study, raters, sees)
    votes = study.votes()
    assert set(votes["fidelity"]) == {"A"}
    assert (votes.groupby("item")["swapped"].sum() == 1).all(), "A stood left once and right once"


def test_adaptive_votes_go_to_items_in_doubt(new_study):
    study = new_study(20, votes_per_item=2, adaptive={"most": 6})
    raters = [study.add_rater(f"rater {number}") for number in range(8)]
    prompts = {item.prompt: item.number for item in study.items()}

    def answer(rater, given):
        return YES if prompts[given.prompt] < 15 or rater.number % 4 < 2 else NO

    vote_all(study, raters, answer)
    counts = Counter(study.votes()["item"])
    assert all(counts[f"item {number}"] == 2 for number in range(15))
    assert max(counts.values()) <= 6
    assert np.mean([counts[f"item {number}"] for number in range(15, 20)]) > 2


def test_tokens_belong_to_one_person_of_one_study(new_study):
    study, other = new_study(), new_study()
    ann, bob = study.add_rater("Ann"), study.add_rater("Bob")
    assert study.bearer(ann.token) == ann
    assert study.bearer(study.owner_token) == "owner"
    code = ann.token.partition(".")[2]
    for guess in ("", ".", ann.id, f"{bob.id}.{code}", f"owner.{code}", ann.token[:-1], ann.token + "=", "ü.x"):
        assert study.bearer(guess) is None
    assert other.bearer(ann.token) is None
    assert len(code) == 32
    mode = (study.folder / tokens.FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert ann.token.encode() not in (study.folder / "votes.sqlite").read_bytes()


def test_a_stored_image_has_the_pixels_and_no_word_of_its_origin(new_study, pictures):
    study = new_study(3)
    for item, source in zip(study.items(), pictures, strict=False):
        path = study.folder / "images" / item.images[0]
        assert b"secret-model" in source.read_bytes()
        assert b"secret-model" not in path.read_bytes()
        assert (np.asarray(Image.open(path)) == np.asarray(Image.open(source))).all()
        assert "secret" not in path.name


def test_images_of_two_formats_are_kept_in_one(tmp_path, pictures):
    with Image.open(pictures[0]) as image:
        exif = Image.Exif()
        exif[0x010E] = "secret-model"
        image.save(tmp_path / "b.jpg", exif=exif, comment=b"secret-model")
        image.save(tmp_path / "c.jpg", exif=exif, comment=b"secret-model")
    asked = StudySettings(name="pairs", question={"kind": "pair"})
    for second, suffix in ((pictures[0], ".png"), (tmp_path / "c.jpg", ".jpg")):
        folder = tmp_path / f"study{suffix}"
        study = Study.create(folder, asked, [NewItem("a", "a cat", [tmp_path / "b.jpg", second])])
        paths = [study.folder / "images" / name for name in study.items()[0].images]
        study.close()
        assert {path.suffix for path in paths} == {suffix}
        assert not any(b"secret" in path.read_bytes() for path in paths)
        assert (np.asarray(Image.open(paths[0])) == np.asarray(Image.open(tmp_path / "b.jpg"))).all()


def test_a_backup_is_one_moment_while_others_vote(new_study, tmp_path):
    study = new_study(40, votes_per_item=3)
    raters = [study.add_rater(f"rater {number}") for number in range(3)]
    threads = [threading.Thread(target=vote_all, args=(study, [rater])) for rater in raters]
    for thread in threads:
        thread.start()
    study.backup(tmp_path / "copy.sqlite")
    for thread in threads:
        thread.join()
    assert len(study.votes()) == 120
    with sqlite3.connect(tmp_path / "copy.sqlite") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM votes").fetchone()[0] <= 120
    copy.close()
    with pytest.raises(StudyError, match="is there already"):
        study.backup(tmp_path / "copy.sqlite")


VOTES_ON = """
import sys
from pathlib import Path
from tia2.people.store.study import Study
study = Study(Path(sys.argv[1]))
rater = study.add_rater("Ann")
count = 0
while True:
    for given in study.queue(rater, 3).assignments:
        study.vote(rater, given.id, {"alignment": "yes"}, f"vote {count}")
        count += 1
        sys.stderr.write(f"{count}\\n")
        sys.stderr.flush()
"""


def test_a_killed_program_loses_no_vote_that_it_had_confirmed(new_study, fork):
    study = new_study(400, votes_per_item=1)
    program = fork(study.folder, code=VOTES_ON)
    while len(program.err.read_text().split() if program.err.exists() else []) < 20:
        assert program.process.is_alive(), program.err.read_text()
    program.process.kill()
    program.wait()
    confirmed = int(program.err.read_text().split()[-1])
    votes = study.votes()
    assert confirmed <= len(votes) <= confirmed + 1
    assert not votes.duplicated("item").any()
    rater = study.add_rater("Ann")
    vote_all(study, [rater])
    assert Counter(study.votes()["item"]) == {f"item {number}": 1 for number in range(400)}


def test_votes_can_not_be_deleted_or_changed(new_study):
    study = new_study()
    rater = study.add_rater("Ann")
    study.vote(rater, study.queue(rater).assignments[0].id, YES, "one")
    for statement in ("DELETE FROM votes", "UPDATE votes SET answer = '{}'"):
        with pytest.raises(sqlite3.IntegrityError, match="never"), study.file.writing() as connection:
            connection.execute(statement)


@pytest.mark.parametrize(
    "answer", [None, "yes", {}, {"alignment": "Yes"}, {"alignment": True}, {"alignment": ["yes"]}, {**YES, "x": "no"}]
)
def test_answers_that_are_none_are_refused_in_one_line(new_study, answer):
    study = new_study()
    rater = study.add_rater("Ann")
    (given,) = study.queue(rater).assignments
    with pytest.raises(StudyError) as raised:
        study.vote(rater, given.id, answer, "one")
    assert len(str(raised.value).splitlines()) == 1
    assert len(study.votes()) == 0


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([], "there are none"),
        ([("a", " ", 1)], "empty prompt"),
        ([("a", "x", 1), ("a", "y", 1)], "is there twice"),
        ([("a", "x", 2)], "needs one image"),
        ([("a", "x" * 6000, 1)], "letters"),
    ],
)
def test_a_study_of_nonsense_is_refused_and_leaves_no_folder(tmp_path, pictures, items, complaint):
    listed = [NewItem(key, prompt, pictures[:count]) for key, prompt, count in items]
    with pytest.raises(StudyError, match=complaint):
        Study.create(tmp_path / "study", StudySettings(name="x"), listed)
    assert list(tmp_path.iterdir()) == []


def test_damaged_studies_say_so(new_study, tmp_path):
    study = new_study()
    with pytest.raises(StudyError, match="holds no study"):
        Study(tmp_path / "nothing")
    (study.folder / tokens.FILE).write_bytes(b"short")
    with pytest.raises(StudyError, match="expected 32 bytes"):
        Study(study.folder)
    (study.folder / "study.json").write_text('{"name": 3}')
    with pytest.raises(StudyError, match="is no study"):
        Study(study.folder)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(StudyError, match="is no image"):
        Study.create(tmp_path / "new", StudySettings(name="x"), [NewItem("a", "x", [tmp_path / "broken.png"])])
