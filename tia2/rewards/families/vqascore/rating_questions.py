"""Questions for a rating, by name and version: a question that changed would be another reward."""

from __future__ import annotations

from dataclasses import dataclass

from tia2.errors import RewardError, unknown_name
from tia2.rewards.families.vqascore.question import SLOT


@dataclass(frozen=True)
class RatingQuestion:
    """A question whose answer is a number.

    Attributes:
        name: Name with its version; "own" for a question of the user's.
        text: The question, with {prompt} where the text goes.
        beginning: Beginnings of the model's answer, put into its mouth; the first after which each number is one token.
        numbers: The numbers that may answer.
        source: Where the question is from.
    """

    name: str
    text: str
    beginning: tuple[str, ...]
    numbers: tuple[int, ...]
    source: str


_ONE_TO_FIVE = (1, 2, 3, 4, 5)

RATING_QUESTIONS = {
    question.name: question
    for question in (
        RatingQuestion(
            "alignment-v1",
            'How well does this image show "{prompt}"? Rate it from 1 (not at all) to 5 (in every detail). Answer with '
            "the number only.",
            ("", "Rating:", "Rating: "),
            _ONE_TO_FIVE,
            "tia2",
        ),
        RatingQuestion(
            "unifiedreward-v1",
            "You are given a text caption and a generated image based on that caption. Your task is to evaluate this "
            "image based on two key criteria:\n1. Alignment with the Caption: Assess how well this image aligns with "
            "the provided caption. Consider the accuracy of depicted objects, their relationships, and attributes as "
            "described in the caption.\n2. Overall Image Quality: Examine the visual quality of this image, including "
            "clarity, detail preservation, color accuracy, and overall aesthetic appeal.\nExtract key elements from "
            "the provided text caption, evaluate their presence in the generated image using the format: 'element "
            "(type): value' (where value=0 means not generated, and value=1 means generated), and assign a score from "
            "1 to 5 after 'Final Score:'.\nYour task is provided as follows:\nText Caption: [{prompt}]",
            ("Final Score:", "Final Score: "),
            _ONE_TO_FIVE,
            "https://github.com/CodeGoat24/UnifiedReward (qwen_point_score_image_generation.py); there the model lists "
            "elements before the score, here it is asked for the score at once",
        ),
    )
}
"""The questions that come with tia2, by name."""


def find_question(question: str, numbers: tuple[int, ...] | None) -> RatingQuestion:
    """Return a question by its name, or one of the user's.

    Args:
        question: A name, or a question with {prompt} in it.
        numbers: The numbers that may answer; those of the question, or 1 to 5, if None.

    Raises:
        RewardError: There is no such question, or the numbers are fewer than two, repeated or negative.
    """
    if question in RATING_QUESTIONS:
        chosen = RATING_QUESTIONS[question]
    elif SLOT in question:
        chosen = RatingQuestion("own", question, ("", " "), _ONE_TO_FIVE, "given")
    else:
        error = unknown_name("question", question, RATING_QUESTIONS)
        raise RewardError(f"{error} Or a question of your own with {SLOT} in it.")
    if numbers is None:
        return chosen
    if len(numbers) < 2 or len(set(numbers)) < len(numbers) or min(numbers) < 0:
        raise RewardError(f"numbers are {list(numbers)}; expected two or more different ones, none below 0.")
    return RatingQuestion(chosen.name, chosen.text, chosen.beginning, tuple(sorted(numbers)), chosen.source)


def as_numbers(given: object) -> tuple[int, ...] | None:
    """Read numbers from a list, or from a text such as "1-5" or "0,5,10".

    Raises:
        RewardError: It is neither.

    Example:
        >>> as_numbers("1-5"), as_numbers("0,2")
        ((1, 2, 3, 4, 5), (0, 2))
    """
    if given is None:
        return None
    try:
        if isinstance(given, str):
            first, dash, last = given.partition("-")
            if dash:
                return tuple(range(int(first), int(last) + 1))
            return tuple(int(number) for number in given.split(","))
        if isinstance(given, list | tuple) and all(type(number) is int for number in given):
            return tuple(given)
    except ValueError:
        pass
    raise RewardError(f'numbers is {given!r}; expected a list of whole numbers, or a text such as "1-5" or "1,3,5".')
