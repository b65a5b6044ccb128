"""The family `vqascore:`: how probable a vision-language model finds the answer "Yes" to "Does this figure show …?".

References:
    Lin et al., Evaluating Text-to-Visual Generation with Image-to-Text Generation, arXiv:2404.01291; the question is
    that of https://github.com/linzhiqiu/t2v_metrics (commit 6ecb74f).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.rewards.card import RewardCard
from tia2.rewards.families.vqascore.asked import Asked, AskedReward, ImageSettings
from tia2.rewards.families.vqascore.question import QUESTION
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

CARD = RewardCard(
    name="vqascore",
    kind="generative",
    formula=f'P("Yes" | image, question), with the question {QUESTION!r}',
    unit="probability",
    range=(0.0, 1.0),
    preprocessing="RGB, then the model's own processor",
    text_limit=512,
    text_policy="truncate",
    licence="that of the model",
    # Right and wrong prompts differ by tenths of a probability.
    default_temperature=0.1,
    paper="arXiv:2404.01291",
    training_data="that of the model",
    notes="Any image-text-to-text model of transformers that is no encoder-decoder. The wording is that of t2v_metrics "
    "6ecb74f for Qwen-VL, PaliGemma, InternVL, Gemma 3 and Molmo; version 3.0, for CLIP-FlanT5, had 'yes or no' in "
    "lower case and scored the end of the answer, too. The question goes through the model's chat template; without "
    "one, as in PaliGemma, it is the whole prompt (its own convention would be question='answer en ...'). The logits "
    "are the model's, without the penalties of its generation settings; the softmax is over the whole vocabulary.",
)
"""The facts that are known before a model is loaded."""


class VqaScoreReward(AskedReward):
    """P(answer | image, question): the probability of the answer's token as the next one after the question.

    reward = softmax(logits at the last position of the prompt)[token of "Yes"], in [0, 1]. The last layer and the
    softmax are computed in float32 whatever the dtype of the rest. "Yes" is the token that continues the prompt: "Yes"
    after a new line or a control token, " Yes" after a colon as in LLaVA; an answer of several tokens is refused.

    What is kept of each image, and how, is that of `AskedReward`; the card says it.

    Args:
        source: A folder in the layout of transformers, or the id of a model on the Hugging Face Hub. Code that comes
            with a model is never run.
        question: The question, with {prompt} where the text goes.
        answer: The answer, one token.
        max_text_tokens: The most tokens of a text that are read; the text policy decides on longer ones.
        min_pixels: Fewest pixels of a resized image, for models of dynamic resolution (Qwen-VL).
        max_pixels: Most pixels of a resized image, for models of dynamic resolution (Qwen-VL).
        image_options: Other settings of the image processor, by its own names.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype (of all but the last layer), revision,
            text_policy, name, batch_size (1 if None, because keys and values of an image are large).

    Raises:
        MissingDependencyError: The model's processor needs a package that is not installed.
        RewardError: The files are missing, damaged or of another kind of model; the answer is not one token; the image
            processor has no such setting.
    """

    @takes_encoder_options
    def __init__(
        self,
        source: str | Path,
        *,
        question: str = QUESTION,
        answer: str = "Yes",
        max_text_tokens: int = 512,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        image_options: Mapping[str, Any] | None = None,
        **options: Unpack[EncoderKeywords],
    ) -> None:
        shared = EncoderOptions(**options)
        self._question, self._answer = question, answer
        images = ImageSettings(min_pixels, max_pixels, image_options or {})
        super().__init__(source, Asked(question, (answer,)), max_text_tokens, images, shared)

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        return self._described(CARD, f'P("{self._answer}" | image, question), with the question {self._question!r}')

    def _read(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.log_softmax(dim=-1)[:, self._questions.answer_ids[0]].exp()

    def _settings(self) -> dict[str, Any]:
        return {"formula": FORMULA_VERSION, "question": self._question, "answer": self._answer}
