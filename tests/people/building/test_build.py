"""From votes to a benchmark that `load_dataset` knows, with a card that says who was asked."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from datasets import load_dataset

from tia2.benchmark import load
from tia2.errors import StudyError
from tia2.people.building.build import build
from tia2.people.store.study import Study


@pytest.fixture(scope="module")
def study(voted):
    opened = Study(voted)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def built(study, tmp_path_factory):
    return build(study, tmp_path_factory.mktemp("built") / "ours")


def test_load_dataset_and_tia2_read_the_same(built, study):
    rows = load_dataset(str(built.folder), split="test")
    benchmark = load(built.folder)
    assert len(rows) == len(benchmark) == 144
    assert benchmark.name == "ours"
    assert set(rows["subset"]) == {"comprehensive", "counting", "composition"}
    frame = study.votes()
    frame = frame[frame["slot"] == "item"]
    votes = frame["alignment"].map({"yes": 1, "no": 0, "unsure": -1})
    expected = votes.groupby(frame["item"]).apply(sorted)
    assert {item: sorted(given) for item, given in zip(rows["item_id"], rows["votes"], strict=True)} == dict(expected)
    assert all(texts for texts in rows["contrastive_prompts"])
    assert rows[0]["image"].size == (64, 64)


def test_the_card_says_who_was_asked_and_names_nobody(built, study):
    card = (built.folder / "README.md").read_text(encoding="utf-8")
    assert "7 people gave 576 votes on 144 images, 4 on each" in card
    assert re.search(r"Krippendorff's alpha of the votes is 0\.\d\d", card)
    assert "noise ceiling" in card
    assert card.count("(stands apart)") == 2
    assert re.search(r"rater model, .* would change \d+ labels", card)
    for rater in study.raters():
        assert not re.search(rf"\b{rater.name}\b", card), rater.name
        assert rater.id not in card


def test_the_rater_model_repairs_what_a_contrarian_spoils(built, mini_table):
    truth = dict(pd.read_csv(mini_table)[["image", "truth"]].to_numpy())
    items = built.benchmark.items
    labels = dict(zip(items["item_id"], items["label"], strict=True))
    assert 0 < len(built.changed) < 50
    better = sum(truth[item] != labels[item] for item in built.changed)
    assert better > 0.6 * len(built.changed)


def test_raters_can_be_left_out(study, tmp_path):
    without = build(study, tmp_path / "ours", without=("Spammer", "Contrarian"), contrastive=False)
    assert len(without.changed) < 20
    assert "The votes of 2 more were left out" in " ".join(without.benchmark.notes)
    assert "contrastive_prompts" not in without.benchmark.items or not any(
        without.benchmark.items["contrastive_prompts"]
    )
    with pytest.raises(StudyError, match="No rater is called 'Nobody'"):
        build(study, tmp_path / "other", without=("Nobody",))


def test_ratings_and_elements_become_ratings(new_study, tmp_path):
    study = new_study(4, votes_per_item=2, question={"kind": "rating"})
    raters = [study.add_rater(name) for name in ("Ann", "Bob")]
    for number, rater in enumerate(raters):
        for given in study.queue(rater, 4).assignments:
            study.vote(rater, given.id, {"alignment": 4 + number}, given.id)
    built = build(study, tmp_path / "rated")
    rows = load_dataset(str(built.folder), split="test")
    assert rows["ratings"][0] == [4, 5]
    assert load(built.folder).scale.high == 5
    assert built.model is None


def test_what_is_no_benchmark_is_refused(new_study, tmp_path):
    with pytest.raises(StudyError, match="no votes yet"):
        build(new_study(), tmp_path / "a")
    with pytest.raises(StudyError, match="asks about a pair"):
        build(new_study(question={"kind": "pair"}), tmp_path / "b")
