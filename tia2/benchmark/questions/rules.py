"""Questions about an image whose answers make a score: TIFA, DSG and Soft-TIFA.

References:
    Hu et al., TIFA: Accurate and Interpretable Text-to-Image Faithfulness Evaluation with Question Answering,
    arXiv:2303.11897; Cho et al., Davidsonian Scene Graph, arXiv:2310.18235; Soft-TIFA is that of
    GenEval 2 (Kamath et al., 2025).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tia2.errors import BenchmarkError, unknown_name

YES_NO = ("yes", "no")


@dataclass(frozen=True)
class ImageQuestion:
    """A question about an image, made from its prompt.

    Attributes:
        key: Its name among the questions of its prompt.
        text: The question.
        answer: The answer that an image of the prompt gives.
        choices: The answers to choose from.
        parents: Names of questions without whose expected answer this one has no meaning.
    """

    key: str
    text: str
    answer: str = "yes"
    choices: tuple[str, ...] = YES_NO
    parents: tuple[str, ...] = ()

    @property
    def is_yes_no(self) -> bool:
        """Whether the choices are yes and no."""
        return {plain(choice) for choice in self.choices} == set(YES_NO)


@dataclass(frozen=True)
class QuestionRule:
    """A way from the answers to a score.

    Attributes:
        name: Its name.
        hard: Whether an answer counts as right or wrong; it counts by its probability otherwise.
        geometric: Whether the mean is geometric: one probability near 0 takes the score with it.
        dependent: Whether a question counts 0 where a parent is answered wrongly.
        summary: One line.
    """

    name: str
    hard: bool
    geometric: bool
    dependent: bool
    summary: str


RULES = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            QuestionRule("tifa", True, False, False, "share of right answers"),
            QuestionRule("dsg", True, False, True, "share of right answers whose parents are answered rightly, too"),
            QuestionRule("soft-tifa", False, False, False, "mean probability of the right answers"),
            QuestionRule(
                "soft-tifa-gm", False, True, False, "geometric mean of the probabilities of the right answers"
            ),
        )
    }
)
"""By name."""


def find_rule(name: str) -> QuestionRule:
    """Return a rule by its name.

    Raises:
        UnknownNameError: There is none of this name.

    Example:
        >>> find_rule("dsg").dependent
        True
    """
    if name not in RULES:
        raise unknown_name("rule", name, RULES)
    return RULES[name]


def combine(questions: Sequence[ImageQuestion], values: Mapping[str, float], rule: QuestionRule) -> float:
    """Return the score of one image.

    score = (1/n) Σ v_q, or exp((1/n) Σ log v_q) for a geometric mean, over all n questions of the prompt; with
    dependencies v_q is 0 where any parent's own v is 0, whatever the parent's parents.

    Args:
        questions: Questions of the prompt.
        values: Value of each question by its key: 1 or 0 for a hard rule, for a soft one the probability of the
            expected answer.
        rule: The rule.

    Returns:
        The score, from 0 to 1; 0 without questions, as upstream has it.

    Raises:
        BenchmarkError: A question has no value, or a value is outside 0 to 1.

    Example:
        >>> asked = [ImageQuestion("1", "Is there a cat?"), ImageQuestion("2", "Is the cat red?", parents=("1",))]
        >>> [combine(asked, {"1": 0.0, "2": 1.0}, find_rule(name)) for name in ("tifa", "dsg")]
        [0.5, 0.0]
    """
    if missing := [question.key for question in questions if question.key not in values]:
        raise BenchmarkError(f"Questions without an answer: {', '.join(missing[:5])}.")
    counted = []
    for question in questions:
        value = float(values[question.key])
        if not 0 <= value <= 1:
            raise BenchmarkError(f"The answer to {question.text!r} counts {value}; expected 0 to 1.")
        void = rule.dependent and any(values[parent] == 0 for parent in question.parents)
        counted.append(0.0 if void else value)
    if not counted:
        return 0.0
    if not rule.geometric:
        return math.fsum(counted) / len(counted)
    if min(counted) == 0:
        return 0.0
    return math.exp(math.fsum(map(math.log, counted)) / len(counted))


def right_answers(questions: Sequence[ImageQuestion], answers: Mapping[str, str]) -> dict[str, float]:
    """Return 1 for each question that is answered as expected, 0 for the others; those without an answer among them.

    Args:
        questions: Questions of the prompt.
        answers: Answers by the questions' keys; case and blanks around them don't matter.

    Example:
        >>> right_answers([ImageQuestion("1", "Is there a cat?")], {"1": "Yes "})
        {'1': 1.0}
    """
    return {
        question.key: float(question.key in answers and plain(answers[question.key]) == plain(question.answer))
        for question in questions
    }


def plain(answer: str) -> str:
    """Return an answer in lower case without blanks around it."""
    return str(answer).strip().casefold()


def checked_questions(questions: Sequence[ImageQuestion], of: str) -> tuple[ImageQuestion, ...]:
    """Return the questions of one prompt.

    Args:
        questions: The questions.
        of: Name of the prompt in errors.

    Raises:
        BenchmarkError: A key stands twice, a parent is unknown or the question itself, an answer is no choice.
    """
    keys = [question.key for question in questions]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise BenchmarkError(f"The questions of {of!r} have the same name twice: {', '.join(repeated)}.")
    for question in questions:
        if unknown := [parent for parent in question.parents if parent not in keys or parent == question.key]:
            raise BenchmarkError(
                f"Question {question.key} of {of!r} depends on {', '.join(unknown)}, which isn't another of them."
            )
        if plain(question.answer) not in map(plain, question.choices):
            raise BenchmarkError(
                f"Question {question.key} of {of!r} expects {question.answer!r}, which is none of its choices "
                f"{list(question.choices)}."
            )
    return tuple(questions)
