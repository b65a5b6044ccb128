"""The released prompt sets, exactly."""

from __future__ import annotations

import json

import pytest

from tia2.calibration import contrastive_prompts
from tia2.prompts.rules.contrastive import same_text

pytestmark = pytest.mark.upstream


@pytest.fixture(scope="module")
def released(tia2_dir):
    def read(subset):
        return json.loads((tia2_dir / "prompts" / f"prompt_set_{subset}.json").read_text(encoding="utf-8"))

    return read


@pytest.mark.parametrize("style", ["released", "default", None])
def test_all_150_counting_sets(released, style):
    sets = released("counting")
    assert len(sets) == 150
    assert {prompt: contrastive_prompts(prompt, style) for prompt in sets} == sets


def test_the_twelve_that_open_all_300_composition_sets(released):
    sets = released("composition")
    assert len(sets) == 300
    made = {prompt: contrastive_prompts(prompt, style="released") for prompt in sets}
    assert made == {prompt: texts[:12] for prompt, texts in sets.items()}


def test_the_default_style_differs_from_the_released_compositions_by_the_missing_and_alone(released):
    without_and = (4, 7, 9)
    for prompt, texts in released("composition").items():
        made = contrastive_prompts(prompt)
        assert len(made) == 12
        for place, (ours, theirs) in enumerate(zip(made, texts, strict=False)):
            if place in without_and:
                assert " and " in ours
                assert " and " not in theirs
                assert ours.replace(" and ", " ") == theirs
            else:
                assert ours == theirs


def test_nine_of_the_ten_relation_sets(released):
    sets = {p: texts for p, texts in released("comprehensive").items() if " of a" in p and len(texts) == 6}
    relations = {p: texts for p, texts in sets.items() if any(w in p for w in ("top of", "left of", "right of"))}
    different = [p for p, texts in relations.items() if contrastive_prompts(p, "released") != texts]
    assert len(relations) == 10
    assert different == ["A cat on the left of a dog."]


def test_most_comprehensive_prompts_have_contrastive_prompts_that_differ_from_them(released):
    sets = {prompt: contrastive_prompts(prompt) for prompt in released("comprehensive")}
    assert sum(map(bool, sets.values())) >= 86
    for prompt, texts in sets.items():
        assert same_text(prompt) not in map(same_text, texts)
