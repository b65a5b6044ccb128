from __future__ import annotations

import numpy as np
import pytest

from tia2.errors import BenchmarkError
from tia2.miniworld.grammar import COLOURS, SHAPES, contrastive_prompts, parse
from tia2.miniworld.prompts import benchmark_prompts
from tia2.miniworld.scenes import random_specification

RNG = np.random.default_rng(0)
SPECIFICATIONS = [random_specification(RNG) for _ in range(300)]


def test_every_specification_reads_back_from_its_text() -> None:
    assert [parse(str(spec)) for spec in SPECIFICATIONS] == SPECIFICATIONS


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("  A Red  Circle.", "a red circle"), ("Two blue CROSSES", "two blue crosses")],
)
def test_case_spaces_and_full_stop_do_not_matter(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical


@pytest.mark.parametrize(
    "text", ["", "red circle", "a pink circle", "nine red circles", "a red circle near a blue square"]
)
def test_text_outside_the_grammar_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BenchmarkError, match="Expected a prompt of the miniature world such as 'two red circles'"):
        parse(text)


def test_counting_contrasts_are_the_numbers_up_to_two_away() -> None:
    assert contrastive_prompts("two red circles") == ["a red circle", "three red circles", "four red circles"]
    assert contrastive_prompts("six blue crosses")[-1] == "eight blue crosses"


def test_a_relation_turned_round_with_its_objects_is_not_contrastive() -> None:
    edits = contrastive_prompts("a red circle left of a blue square")
    assert "a red circle right of a blue square" in edits
    assert "a blue square right of a red circle" not in edits


def test_contrasts_are_in_the_grammar_unique_and_different() -> None:
    for spec in SPECIFICATIONS:
        edits = contrastive_prompts(str(spec))
        assert len(edits) >= 2
        assert len(set(edits)) == len(edits)
        assert str(spec) not in edits
        assert [str(parse(edit)) for edit in edits] == edits


def test_the_benchmark_covers_numbers_colours_and_shapes() -> None:
    prompts = benchmark_prompts()
    texts = [text for group in prompts.values() for text in group]
    specs = [parse(text) for text in texts]
    assert {group.colour for spec in specs for group in spec.groups} == set(COLOURS)
    assert {group.shape for spec in specs for group in spec.groups} == set(SHAPES)
    assert {parse(text).count for text in prompts["counting"]} == {1, 2, 3, 4, 5, 6}
    assert all(len(group) == 20 for group in prompts.values())
    assert len(set(texts)) == 60
    assert all(
        first.colour != second.colour for first, second in (spec.groups for spec in map(parse, prompts["composition"]))
    )
