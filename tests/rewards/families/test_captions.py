"""The caption cleaning of BLIP and LAVIS, against what upstream code made of the golden prompts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tia2.rewards.families.blip.captions import clean_caption, is_cut


@pytest.mark.parametrize(
    ("folder", "key", "words"), [("blip_itm", "processed", 30), ("blip2_itm", "processed_text", 50)]
)
def test_equals_upstream(goldens, golden_prompts, folder, key, words):
    tokens = json.loads((goldens / folder / "expected.json").read_text(encoding="utf-8"))["tokens"]
    for text, expected in zip(golden_prompts, tokens.values(), strict=True):
        assert clean_caption(text, words) == expected[key]


def test_words_past_the_limit_are_dropped_and_reported():
    assert clean_caption("One, two! three", 2) == "one, two"
    assert is_cut("one two three", 2)
    assert not is_cut("  one \n two  ", 2)


@given(st.text(max_size=60))
def test_cleaning_twice_changes_nothing_more(text):
    once = clean_caption(text, 10)
    assert clean_caption(once, 10) == once
    assert len(once.split(" ")) <= 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" . ! ", ""),
        ("A.B", "a b"),
        ("tab\tkept", "tab\tkept"),
        ("line \n break", "line break"),
        ("ends\n", "ends"),
        ("comma, stays; so does 'it' & <b>", "comma, stays so does 'it' & <b>"),
        ("[ENC] İΣ ÀÉ", "[enc] i̇ς àé"),
    ],
)
def test_what_is_cleaned_and_what_stays(text, expected):
    assert clean_caption(text, 30) == expected


def test_words_are_what_single_spaces_separate():
    assert clean_caption("one\ttwo three\u00a0four five", 2) == "one\ttwo three\u00a0four"
    assert not is_cut("one\ttwo\tthree", 1)
    assert is_cut("one two\n", 1)
    assert not is_cut("", 1)
