"""What counts as a paraphrase, and what is accepted of a language model's answer."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tia2.errors import PromptError
from tia2.prompts.rules.meaning import meaning
from tia2.prompts.writer.answers import BadAnswerError, read_answer, usable
from tia2.prompts.writer.template import VERSION, Template, load_template

PARAPHRASES = [
    ("A cat on a mat.", "the cat is on the mat"),
    ("a cat and a dog", "A dog and a cat"),
    ("a cat, a dog and a bird", "a bird, a cat, and a dog"),
    ("a photo of a red car", "A picture of a red automobile!"),
    ("2 cats", "two cats"),
    ("a cat to the left of a dog", "a dog on the right of a cat"),
    ("a cat under a table", "a table on top of a cat"),
    ("a cat next to a dog", "a dog beside a cat"),
    ("a big grey house", "a large gray house"),
]
CONTRASTS = [
    ("a red cat and a blue dog", "a blue cat and a red dog"),
    ("a cat to the left of a dog", "a dog to the left of a cat"),
    ("a cat", "two cats"),
    ("a photo of a cat", "a painting of a cat"),
    ("a dog chasing a cat", "a cat chasing a dog"),
    ("猫", "犬"),
    ("!", "?"),
]


@pytest.mark.parametrize(("one", "other"), PARAPHRASES)
def test_paraphrases(one, other):
    assert meaning(one) == meaning(other)


@pytest.mark.parametrize(("one", "other"), CONTRASTS)
def test_contrasts(one, other):
    assert meaning(one) != meaning(other)


@given(st.text())
def test_every_text_is_a_paraphrase_of_itself_in_capitals_or_not(text):
    assert meaning(text) == meaning(f"  {text.casefold()} ")


LIST = ["two cats", "a dog"]
WRAPPED = [
    json.dumps({"contrastive_prompts": LIST}),
    json.dumps(LIST),
    f"```json\n{json.dumps({'contrastive_prompts': LIST})}\n```",
    f"Here you are:\n{json.dumps({'contrastive_prompts': LIST})}\nAnything else?",
    json.dumps({"contrastive_prompts": LIST, "note": "done"}),
    json.dumps({"prompts": LIST}),
]


@pytest.mark.parametrize("text", WRAPPED)
def test_answers_with_json_in_them_are_read(text):
    assert read_answer(text) == LIST


NO_ANSWERS = {
    "nothing": "",
    "a word": "no",
    "half": "{",
    "null": "null",
    "number": "3",
    "text for list": '{"contrastive_prompts": "two cats"}',
    "numbers": '{"contrastive_prompts": [1]}',
    "nested": "[" * 100_000,
    "mixed": '["a", {"b": 1}]',
    "nulls": '{"contrastive_prompts": [null]}',
}


@pytest.mark.parametrize("text", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_other_answers_are_refused_with_their_beginning(text):
    with pytest.raises(BadAnswerError, match="the answer is not JSON of the form"):
        read_answer(text)


@given(st.text())
def test_no_answer_crashes(text):
    with contextlib.suppress(BadAnswerError):
        assert isinstance(read_answer(text), list)


def test_refused_texts_have_reasons():
    texts = ["the cat", "two  cats", "TWO CATS.", "", "a cat " * 500, "half \ud800", "a dog", "six cats"]
    kept, refused = usable("a cat", texts, avoid=["A dog"])
    assert kept == ["two cats", "six cats"]
    assert [reason.split(" ")[-1] for reason in refused] == ["prompt", "twice", "nothing", "long", "nothing", "twice"]


def test_the_template_has_a_version_and_a_hash_that_follows_its_text():
    shipped = load_template()
    assert shipped.version == VERSION
    assert shipped.sha256 != Template(VERSION, f"{shipped.text} ").sha256
    filled = shipped.fill("a cat costs $5 {x}", 7, ["two cats"])
    assert "a cat costs $5 {x}" in filled
    assert "Write 7 other" in filled
    assert "two cats" in filled


@pytest.mark.parametrize("text", ["", "$prompt", "$prompt $number $colour", "$prompt $number $"])
def test_a_template_without_its_placeholders_is_refused(tmp_path, text):
    file = tmp_path / "mine.txt"
    file.write_text(text)
    with pytest.raises(PromptError, match=r"Template mine: expected \$prompt and \$number"):
        load_template(file)


def test_a_template_of_your_own(tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("$number like ${prompt}, for $$5")
    assert load_template(file).fill("a cat", 2) == "2 like a cat, for $5"
    with pytest.raises(PromptError, match="can't be read"):
        load_template(tmp_path / "nothing.txt")
