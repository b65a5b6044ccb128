"""The family `rated:`: the rating that a vision-language model gives on average, rather than one that it says.

References:
    Wang et al., Unified Reward Model for Multimodal Understanding and Generation, arXiv:2503.05236, for a model that is
    trained to rate; Liu et al., G-Eval: NLG Evaluation using GPT-4 with Better Human Alignment, arXiv:2303.16634, for
    the expectation over the tokens of the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.families.vqascore.asked import Asked, AskedReward, ImageSettings
from tia2.rewards.families.vqascore.rating_questions import as_numbers, find_question
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options

if TYPE_CHECKING:
    from typing_extensions import Unpack

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

QUESTION = "alignment-v1"

CARD = RewardCard(
    name="rated",
    kind="generative",
    formula="sum of k P(k) over the numbers 1 to 5, P renormalised over them, after the question alignment-v1",
    unit="points of the rating",
    range=(1.0, 5.0),
    preprocessing="RGB, then the model's own processor",
    text_limit=512,
    text_policy="truncate",
    licence="that of the model",
    # Right and wrong prompts differ by tenths of a point of five.
    default_temperature=0.4,
    paper="arXiv:2303.16634",
    training_data="that of the model",
    notes="A sampled or most probable number has as many values as there are numbers, and ties cost agreement; the "
    "expectation has none. The model answers at once, without reasoning before the number.",
)
"""The facts that are known before a model is loaded."""


class RatedReward(AskedReward):
    """The expectation of a rating: sum over numbers k of k P(k), P the softmax over the tokens of the numbers alone.

    reward = Σ_k k · exp(l_k) / Σ_j exp(l_j), l the logits of the next token after the question, in float32; between the
    lowest and the highest number. P(k) is not the probability over all words but over the numbers, which any
    normalisation of the logits leaves as it is.

    What is kept of each image, and how, is that of `AskedReward`; the card says it.

    Args:
        source: A folder in the layout of transformers, or the id of a model on the Hugging Face Hub, such as
            CodeGoat24/UnifiedReward-qwen-7b. Code that comes with a model is never run.
        question: Name and version of a question (`RATING_QUESTIONS`): "alignment-v1" or "unifiedreward-v1"; or a
            question of your own, with {prompt} where the text goes.
        numbers: The numbers that may answer, each one token of the model: a list, or a text such as "1-5"; those of the
            question if None.
        max_text_tokens: The most tokens of a text that are read; the text policy decides on longer ones.
        min_pixels: Fewest pixels of a resized image, for models of dynamic resolution (Qwen-VL).
        max_pixels: Most pixels of a resized image, for models of dynamic resolution (Qwen-VL).
        image_options: Other settings of the image processor, by its own names.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype (of all but the last layer), revision,
            text_policy, name, batch_size (1 if None, because keys and values of an image are large).

    Raises:
        MissingDependencyError: The model's processor needs a package that is not installed.
        RewardError: The files are missing, damaged or of another kind of model; there is no such question; a number is
            not one token; the image processor has no such setting.
    """

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path,
        *,
        question: str = QUESTION,
        numbers: Sequence[int] | str | None = None,
        max_text_tokens: int = 512,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        image_options: Mapping[str, Any] | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        self._rating = find_question(question, as_numbers(numbers))
        images = ImageSettings(min_pixels, max_pixels, image_options or {})
        asked = Asked(self._rating.text, tuple(map(str, self._rating.numbers)), self._rating.beginning)
        super().__init__(source, asked, max_text_tokens, images, shared)
        if len(set(self._questions.answer_ids)) < len(self._rating.numbers):
            raise RewardError(f"Two of the numbers {list(self._rating.numbers)} are one token of {self._files.where}.")

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        numbers, beginning = self._rating.numbers, self._questions.beginning
        after = f", the answer begun with {beginning!r}" if beginning else ""
        formula = (
            f"sum of k P(k) over {', '.join(map(str, numbers))}, P renormalised over them, after the question "
            f"{self._rating.name} ({self._rating.text!r}){after}"
        )
        described = self._described(CARD, formula)
        return described.model_copy(
            update={
                "range": (float(numbers[0]), float(numbers[-1])),
                "default_temperature": 0.1 * (numbers[-1] - numbers[0]),
                "question": self._rating.name,
                "question_source": self._rating.source,
            }
        )

    def _read(self, logits: torch.Tensor) -> torch.Tensor:
        numbers = torch.tensor(self._rating.numbers, dtype=torch.float32, device=logits.device)
        of_numbers = logits[:, self._questions.answer_ids].softmax(dim=-1)
        # Rounding may leave the range by one unit in the last place.
        return (of_numbers @ numbers).clamp(numbers[0], numbers[-1])

    def _settings(self) -> dict[str, Any]:
        return {
            "formula": FORMULA_VERSION,
            "question": self._rating.text,
            "beginning": self._questions.beginning,
            "numbers": list(self._rating.numbers),
        }
