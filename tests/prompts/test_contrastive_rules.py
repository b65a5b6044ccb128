"""What the default style makes of free prompts: exact where it matters, and properties over many prompts."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tia2.calibration import contrastive_prompts
from tia2.errors import PromptError, UnknownNameError
from tia2.prompts.rules.contrastive import LIMIT, same_text
from tia2.prompts.rules.meaning import meaning

MUST_HAVE = {
    "2 cats": ["1 cat", "3 cats", "4 cats"],
    "a photo of five red apples": ["a photo of three red apples", "a photo of five blue apples"],
    "Two women in red dresses": ["A woman in red dresses", "Three women in red dresses", "Two women in blue dresses"],
    "a red book and a yellow vase": ["a red book", "a yellow vase", "a yellow book and a red vase"],
    "a red book and a vase": ["a book and a red vase"],
    "A cat to the left of a dog.": [
        "A cat.",
        "A dog.",
        "A dog to the left of a cat.",
        "A cat to the right of a dog.",
        "A cat on top of a dog.",
    ],
    "an umbrella on top of a spoon": ["an umbrella under a spoon", "a spoon on top of an umbrella"],
    "a cat under the table": ["a cat on top of the table", "the table under a cat"],
    "a small dog and a big cat": ["a big dog and a small cat", "a large dog and a big cat"],
    "a wooden chair": ["a metal chair"],
    "a heart made of glass": ["a heart made of stone"],
    "an orange cat": ["a black cat", "two orange cats"],
    "one cat and two dogs": ["two cats and one dog", "one cat", "two dogs", "one cat and three dogs"],
    "a cat, a dog and a bird": [
        "a dog and a bird",
        "a cat and a bird",
        "a cat and a dog",
        "a cat, a dog and two birds",
    ],
    "a boy and a girl are playing chess": ["a boy is playing chess", "two boys and a girl are playing chess"],
    "a cat sits on a mat": ["two cats sit on a mat"],
    "a sign that says 'one cat'": ["two signs that say 'one cat'"],
    "there are three people at the beach": ["there is a person at the beach", "there are two people at the beach"],
    "TWO CATS ON A TABLE": ["A CAT ON A TABLE", "THREE CATS ON A TABLE", "TWO CATS UNDER A TABLE"],
    "Two Cats And One Dog": ["Two Cats And Two Dogs", "One Cat And One Dog"],
    "a mouse": ["two mice", "three mice"],
    "two  deer\non\tthe street": ["a deer on the street", "three deer on the street"],
    "a red circle left of a blue square": ["a red circle right of a blue square", "a blue circle left of a red square"],
    "a two-story house": ["two two-story houses"],
    "an hourglass": ["two hourglasses"],
}

MUST_NOT = {
    "a red, blue and green ball": "reds",
    "Two cats, one sitting and one sleeping": "sittings|sleepings",
    "half an apple": "two",
    "the man in the red coat is standing behind a tall tree": "^the man in a|tree is standing",
    "a person riding a horse next to a tree": "riding a tree",
    "A red cube is on the top, sitting on a green cube.": "red sitting|green sitting",
    "a glass of orange juice": "blue",
    "an orange and an apple": "black",
    "a sign that says 'two red cats'": "'three|blue",
    "a golden retriever": "purple",
    "a tiger in a forest": "two forests",
    "a two year old child": "three|years",
    "a photo of a cat": "photos",
    "Red Bull logo": "Blue",
    "a man tripping over a cat": "under",
    "dogs on the street": "under",
    "a lot of apples": "two lots",
    "a cat and a dog": "a dog and a cat",
    "a cat next to a dog": "a dog next to a cat",
    "two cats and a red triangle in 2020 at 24mm, f1.8": "2021|25mm|2.8",
}


@pytest.mark.parametrize("prompt", MUST_HAVE)
def test_a_single_thing_is_changed_and_grammar_follows(prompt):
    made = contrastive_prompts(prompt)
    assert [text for text in MUST_HAVE[prompt] if text not in made] == []


@pytest.mark.parametrize("prompt", MUST_NOT)
def test_what_only_looks_like_a_number_a_colour_or_a_relation_stays(prompt):
    assert [text for text in contrastive_prompts(prompt) if re.search(MUST_NOT[prompt], text)] == []


NOTHING = ["", " \n\t", "!!!", "Lego Arnold Schwarzenegger.", "猫 a 猫 and two 犬", "zwei Katzen", "a \ud800 cat", "a"]
NOTHING += ["the " * 50, "'" * 99, "a😀cat", "-" * 80, "a photo of", "two", "2", "and and and", "\x00", "a\u200bcat"]


@pytest.mark.parametrize("prompt", NOTHING)
def test_where_no_rule_applies_there_is_none(prompt):
    assert contrastive_prompts(prompt) == []
    assert contrastive_prompts(prompt, "released") == []


@pytest.mark.parametrize("prompt", ["two cats and a red dog " * 20_000, "x" * 10**6, "a cat, " * 50_000, '" ' * 50_000])
def test_long_prompts_take_no_time_and_keep_their_end(prompt):
    started = time.process_time()
    made = contrastive_prompts(prompt)
    assert time.process_time() - started < 3
    assert len(made) <= LIMIT
    tail = " ".join(prompt.split())[-1000:]
    assert all(text.endswith(tail) for text in made)


@pytest.mark.parametrize("prompt", [None, 3, b"two cats", ["two cats"]])
def test_what_is_no_text_is_refused(prompt):
    with pytest.raises(PromptError, match=f"Expected a prompt as text, got {type(prompt).__name__}"):
        contrastive_prompts(prompt)


def test_an_unknown_style_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'released'"):
        contrastive_prompts("two cats", "relesed")


def test_the_released_style_makes_none_where_the_released_data_has_no_rule():
    assert contrastive_prompts("a red cat and a blue dog chasing two birds", "released") == []
    assert contrastive_prompts("flower made of glass", "released") == []


NOUNS = ["cat", "box", "mouse", "deer", "umbrella", "wine glass", "teddy bear", "orange", "bus", "hourglass", "unicorn"]
COLOURS = ["", "red ", "blue ", "orange ", "cyan ", "black ", "teal "]
NUMBERS = ["a", "one", "two", "three", "7", "eleven", "the"]
LINKS = [" and ", " to the left of ", " on top of ", " next to ", " behind ", " with ", ", "]


@st.composite
def prompts(draw):
    from tia2.prompts.rules.inflection import article, plural

    def group():
        number, colour, noun = (draw(st.sampled_from(options)) for options in (NUMBERS, COLOURS, NOUNS))
        phrase = colour + (noun if number in {"a", "one", "the"} else plural(noun))
        return f"{article(phrase.split()[0]) if number == 'a' else number} {phrase}"

    text = draw(st.sampled_from(["", "a photo of ", "a realistic painting of "])) + group()
    for _ in range(draw(st.integers(0, 3))):
        text += draw(st.sampled_from(LINKS)) + group()
    text += draw(st.sampled_from(["", ".", " in a forest", " sitting on the grass."]))
    return draw(st.sampled_from([str, str.capitalize, str.upper]))(text)


@given(prompts(), st.sampled_from([None, "released"]))
def test_properties_of_all_contrastive_prompts(prompt, style):
    made = contrastive_prompts(prompt, style)
    assert contrastive_prompts(prompt, style) == made
    assert len(made) <= LIMIT
    assert len({same_text(text) for text in [prompt, *made]}) == len(made) + 1
    for text in made:
        assert style == "released" or meaning(text) != meaning(prompt)
        assert text == " ".join(text.split())
        assert not (prompt[0].isupper() and text[0].islower())
        assert not (prompt[0].islower() and text[0].isupper())
        assert not re.search(r"\ba (?:orange|umbrella|hourglass)\b|\ban (?:unicorn|red|blue|cat|box)\b", text, re.I)
        assert not re.search(r"\b(?:two|three|four|six|8) (?:\w+ )?(?:cat|box|mouse|bus|unicorn)\b", text, re.I)
        assert not re.search(r"\b(?:an?|one) (?:\w+ )?(?:cats|boxes|mice|buses|unicorns|bears)\b", text, re.I)


@given(st.text(max_size=300))
def test_any_text_at_all(prompt):
    made = contrastive_prompts(prompt)
    assert same_text(prompt) not in {same_text(text) for text in made}


@given(
    st.lists(
        st.sampled_from(
            [
                *[
                    "a",
                    "an",
                    "the",
                    "two",
                    "2",
                    "one",
                    "cat",
                    "cats",
                    "and",
                    ",",
                    "of",
                    "red",
                    "on",
                    "in",
                    "left",
                    "'",
                    ".",
                    "-",
                    "photo",
                    "is",
                    "'s",
                    "with",
                    "99",
                ]
            ]
        )
    )
)
def test_any_words_at_all(words):
    made = contrastive_prompts(" ".join(words))
    assert len(made) == len(set(made)) <= LIMIT


def test_contrastive_prompts_of_the_miniature_world_are_never_true_of_the_prompt():
    from tia2.errors import BenchmarkError
    from tia2.miniworld.grammar import OPPOSITE, parse
    from tia2.miniworld.grammar import contrastive_prompts as own
    from tia2.miniworld.prompts import benchmark_prompts

    def shown(text):
        spec = parse(text)
        if spec.relation in {"right of", "below"}:
            return [str(group) for group in reversed(spec.groups)], OPPOSITE[spec.relation]
        groups = [str(group) for group in spec.groups]
        return (groups, spec.relation) if spec.relation else (sorted(groups), None)

    covered = wanted = 0
    for prompt in [prompt for prompts in benchmark_prompts().values() for prompt in prompts]:
        made = contrastive_prompts(prompt)
        assert len(made) >= 10
        covered += len(set(made) & set(own(prompt)))
        wanted += len(own(prompt))
        for text in made:
            assert meaning(text) != meaning(prompt)
            with contextlib.suppress(BenchmarkError):  # it has a colour that the miniature world lacks
                assert shown(text) != shown(prompt)
    assert covered / wanted > 0.75
