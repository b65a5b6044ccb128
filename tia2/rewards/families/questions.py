"""The family `questions:`: a prompt's questions, asked of a reward that answers them, combined to one number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.benchmark.questions.rules import ImageQuestion, combine, find_rule, plain
from tia2.benchmark.questions.sets import question_sets
from tia2.errors import RewardError, Tia2Error
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.encoder import TextPolicy

if TYPE_CHECKING:
    from PIL import Image

    from tia2.rewards.base import RewardModel

ASK = "{prompt} Please answer Yes or No."
"""How a vision-language model is asked a question."""

CHOICE = 'Is "{choice}" the answer to the question "{question}"?'
"""How one of several choices is asked for."""

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

CARD = RewardCard(
    name="questions",
    kind="generative",
    formula="mean, over the questions of a prompt, of the probability of the expected answer (soft-tifa)",
    unit="share of questions",
    range=(0.0, 1.0),
    text_policy="error",
    licence="that of the model that answers",
    # One question of five or so makes the difference between a right and a wrong prompt.
    default_temperature=0.1,
    paper="arXiv:2303.11897",
    training_data="that of the model that answers",
    notes="Each text that is scored needs questions, contrastive prompts included.",
)
"""The facts that are known before a model is loaded."""


class QuestionsReward(CrossEncoder):
    """The score of a prompt's questions: TIFA, DSG or Soft-TIFA with any reward that answers yes or no.

    p_q = probability of the expected answer: P(Yes) for yes, 1 - P(Yes) for no; of several choices, P(Yes) of "Is
    CHOICE the answer?" as a share of the sum over the choices. Soft rules average p_q; hard ones ask whether the
    expected answer is the most probable one. With the rule "dsg" a question counts 0 where a parent is answered
    wrongly.

    An image is encoded once, and each distinct question is asked once per image.

    Args:
        source: Spec of the reward that answers: "vqascore:FOLDER_OR_HUB_ID", or another one whose rewards are
            probabilities.
        questions: The questions by prompt: a file in TIFA's or DSG's layout, a table with the columns prompt and
            questions, or a mapping (`tia2.benchmark.questions.sets.question_sets`).
        rule: "tifa", "dsg", "soft-tifa" or "soft-tifa-gm".
        name: Name in tables and plots; made of rule and model if None.
        **options: Options of the reward that answers, such as device and dtype.

    Raises:
        RewardError: There are no questions, or the reward can't answer them.
        UnknownNameError: No such rule or reward.
    """

    text_policy: TextPolicy = "error"

    def __init__(
        self,
        source: str | Path,
        *,
        questions: Any = None,
        rule: str = "soft-tifa",
        name: str | None = None,
        **options: Any,
    ) -> None:
        self._rule = find_rule(rule)
        if questions is None:
            raise RewardError(
                "questions: needs the questions of each prompt: --option questions=FILE, with the columns prompt and "
                "questions, or in TIFA's or DSG's layout."
            )
        self._questions = _questions(questions)
        self._inner = _answering(str(source), options)
        self.device = getattr(self._inner, "device", "unknown")
        self.batch_size = getattr(self._inner, "batch_size", None)
        self.parameters = getattr(self._inner, "parameters", 0)
        self.name = name or f"{rule}-{self._inner.name}"

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        inner = self._inner.card
        return CARD.model_copy(
            update={
                "name": self.name,
                "formula": f"{self._rule.summary} ({self._rule.name}), answered by {inner.name}: {inner.formula}",
                "hub_id": inner.hub_id,
                "revision": inner.revision,
                "preprocessing": inner.preprocessing,
                "dtype": inner.dtype,
                "licence": inner.licence,
                "training_data": inner.training_data,
                "rule": self._rule.name,
                "prompts": len(self._questions),
            }
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the reward that answers, the questions and the rule."""
        asked = [
            [prompt, [[entry.key, entry.text, entry.answer, entry.choices, entry.parents] for entry in listed]]
            for prompt, listed in sorted(self._questions.items())
        ]
        facts = [FORMULA_VERSION, self._inner.fingerprint, self._rule.name, CHOICE, asked]
        return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()

    def admit(self, texts: Sequence[str]) -> None:
        """Check that each text has questions, and that these can be asked."""
        super().admit(texts)
        if missing := [text for text in dict.fromkeys(texts) if text not in self._questions]:
            raise RewardError(
                f"{len(missing)} of {len(set(texts))} texts have no questions, the first: {missing[0][:60]!r}. Each "
                "text that is scored needs them, contrastive prompts included."
            )
        if isinstance(self._inner, CrossEncoder):
            self._inner.admit(self._asked(texts))

    def prepare_image(self, image: Image.Image) -> Any:
        """Prepare an RGB image as the reward that answers does."""
        return self._inner.prepare_image(image) if isinstance(self._inner, CrossEncoder) else image

    def embed_images(self, prepared: Sequence[Any]) -> Any:
        """Run the image part of the reward that answers."""
        return self._inner.embed_images(prepared) if isinstance(self._inner, CrossEncoder) else list(prepared)

    def score_batch(self, image_features: Sequence[Any], texts: Sequence[str]) -> list[float]:
        """Ask the questions of each text and combine the answers: (n,)."""
        if len(image_features) == 1:
            chances = self._chances(image_features[0], texts)
            return [self._combined(text, chances) for text in texts]
        pairs = zip(image_features, texts, strict=True)
        return [self._combined(text, self._chances(feature, [text])) for feature, text in pairs]

    def answers(self, image: Image.Image, text: str) -> dict[str, float]:
        """Return what each question of a text counts for an image, by the question's key, before they are combined.

        Args:
            image: A PIL image of any mode.
            text: A text that has questions.
        """
        self.admit([text])
        chances = self._chances(self.encode_images([image])[0], [text])
        return {entry.key: self._value(entry, chances) for entry in self._questions[text]}

    def _asked(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct questions that the reward is asked about some texts."""
        entries = (entry for text in texts for entry in self._questions[text])
        return list(dict.fromkeys(line for entry in entries for line in _lines(entry)))

    def _chances(self, feature: Any, texts: Sequence[str]) -> dict[str, float]:
        asked = self._asked(texts)
        if not asked:
            return {}
        if isinstance(self._inner, CrossEncoder):
            chances = self._inner.exact_rewards(feature, asked)
        else:
            chances = self._inner.score_matrix([feature], asked)[0]
        chances = np.asarray(chances, dtype=float)
        if chances.min() < -1e-6 or chances.max() > 1 + 1e-6:
            raise RewardError(
                f"{self._inner.name} answers with {chances.min():.3g} to {chances.max():.3g}; questions need a reward "
                "whose rewards are probabilities, such as vqascore:."
            )
        return dict(zip(asked, map(float, np.clip(chances, 0, 1)), strict=True))

    def _combined(self, text: str, chances: Mapping[str, float]) -> float:
        entries = self._questions[text]
        return combine(entries, {entry.key: self._value(entry, chances) for entry in entries}, self._rule)

    def _value(self, entry: ImageQuestion, chances: Mapping[str, float]) -> float:
        if entry.is_yes_no:
            yes = chances[entry.text]
            chance = yes if plain(entry.answer) == "yes" else 1 - yes
            return float(chance > 0.5) if self._rule.hard else chance
        of_choices = [chances[line] for line in _lines(entry)]
        position = [plain(choice) for choice in entry.choices].index(plain(entry.answer))
        if self._rule.hard:
            return float(of_choices[position] == max(of_choices) and of_choices.count(max(of_choices)) == 1)
        total = sum(of_choices)
        return of_choices[position] / total if total else 1 / len(of_choices)


def _lines(entry: ImageQuestion) -> list[str]:
    if entry.is_yes_no:
        return [entry.text]
    return [CHOICE.format(choice=choice, question=entry.text) for choice in entry.choices]


def _questions(source: Any) -> dict[str, tuple[ImageQuestion, ...]]:
    try:
        sets = question_sets(source)
    except RewardError:
        raise
    except Tia2Error as error:
        raise RewardError(f"{error}") from None
    if empty := [prompt for prompt, listed in sets.items() if not listed]:
        raise RewardError(f"{len(empty)} prompts have no questions, the first: {empty[0][:60]!r}.")
    return sets


def _answering(spec: str, options: Mapping[str, Any]) -> RewardModel:
    from tia2.rewards.registry import load_reward

    family = spec.partition(":")[0]
    given = {"question": ASK, **options} if family == "vqascore" else dict(options)
    inner = load_reward(spec, **given)
    if inner.card.range != (0.0, 1.0) and inner.card.kind != "function":
        raise RewardError(
            f"{spec} answers no questions: its rewards range from {inner.card.range[0]} to {inner.card.range[1]}, and "
            "probabilities are needed, such as those of vqascore:."
        )
    return inner
