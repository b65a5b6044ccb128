"""The family `vqascore:`: how probable a vision-language model finds the answer "Yes" to "Does this figure show …?".

References:
    Lin et al., Evaluating Text-to-Visual Generation with Image-to-Text Generation, arXiv:2404.01291; the question is
    that of https://github.com/linzhiqiu/t2v_metrics (commit 6ecb74f).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tia2.devices import pick_device
from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.families.vqascore.answerer import Answerer
from tia2.rewards.families.vqascore.choose_reuse import choose
from tia2.rewards.families.vqascore.loading import find, load_model, load_processor
from tia2.rewards.families.vqascore.question import QUESTION, Prepared, Questions, check_image
from tia2.rewards.identity import Identity, released_identity
from tia2.rewards.loading.devices import pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import count_weights

if TYPE_CHECKING:
    from PIL import Image
    from typing_extensions import Unpack

FORMULA_VERSION = 1
"""Counts up when the same files would give other rewards."""

CHECKED_TEXTS = ("a red circle", "two dogs on a green bench by the sea, seen from far above")
"""On these, what can be kept of an image is tried when a model is loaded; they differ in length."""

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


class VqaScoreReward(CrossEncoder):
    """P(answer | image, question): the probability of the answer's token as the next one after the question.

    reward = softmax(logits at the last position of the prompt)[token of "Yes"], in [0, 1]. The last layer and the
    softmax are computed in float32 whatever the dtype of the rest. "Yes" is the token that continues the prompt: "Yes"
    after a new line or a control token, " Yes" after a colon as in LLaVA; an answer of several tokens is refused.

    Of each image, as much is kept as gives the logits of the whole model, which is tried on a small image when it
    is loaded: keys and values of image and question (Qwen-VL, InternVL, LLaVA, Gemma 3, …), the state that stands for
    them (models with linear attention), the image's features (PaliGemma, where image and question attend to each other
    both ways), or nothing. The card says which, and why not more. A batch of texts pads on the right.

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

    text_batch_size = 64

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
        device, dtype = pick_device(shared.device), pick_dtype(shared.dtype)
        sizes = {"min_pixels": min_pixels, "max_pixels": max_pixels}
        self._image_options = {
            **(image_options or {}),
            **{key: size for key, size in sizes.items() if size is not None},
        }
        self._files = find(str(source), shared.revision)
        processor = load_processor(self._files, self._image_options)
        self._question, self._answer = question, answer
        self._questions = Questions(processor, question, answer, max_text_tokens, self._files.where)
        model = load_model(self._files, dtype).to(device)
        self.parameters = count_weights(model)
        self._context: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._seen_by = type(processor.image_processor).__name__
        self._answerer = Answerer(model)
        prepared = self._questions.prepare(check_image())
        tails = [self._questions.tail(text) for text in CHECKED_TEXTS]
        with torch.inference_mode(), threads_for(self.parameters):
            self._reuse, self._why_not = choose(self._answerer, prepared, tails, self._files.where)
        self.text_policy = shared.text_policy
        self.name = shared.name or self._files.hub_id or self._files.folder.resolve().name
        self.device = str(device)
        self.batch_size = shared.batch_size or 1  # keys and values of an image are large

    @cached_property
    def card(self) -> RewardCard:
        """The facts."""
        kept = f"Kept of an image: {self._reuse.name}{' (' + self._why_not + ')' if self._why_not else ''}."
        options = "".join(f", {key}={value}" for key, value in self._image_options.items())
        return CARD.model_copy(
            update={
                "name": self.name,
                "hub_id": self._files.hub_id,
                "revision": self._files.revision,
                "formula": f'P("{self._answer}" | image, question), with the question {self._question!r}',
                "preprocessing": f"RGB, then {self._seen_by}{options}",
                "text_limit": self._questions.limit,
                "text_policy": self.text_policy,
                "dtype": str(self._answerer.model.dtype).removeprefix("torch."),
                "notes": f"{kept} {CARD.notes}",
            }
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all files, question, answer, image processor and its settings, formula and number format."""
        return self.digest_content().fingerprint

    def digest_content(self) -> Identity:
        """Return the fingerprint; of a class derived outside this library, its code and attributes count too."""
        return released_identity(self, self._released, excluded=("_answerer", "_reuse", "_questions", "_files"))

    @cached_property
    def _released(self) -> str:
        return fingerprint(
            self._files.all(),
            formula=FORMULA_VERSION,
            question=self._question,
            answer=self._answer,
            limit=self._questions.limit,
            preprocessing=[self._seen_by, {key: str(value) for key, value in self._image_options.items()}],
            dtype=str(self._answerer.model.dtype),
        )

    @property
    def text_limit(self) -> int:
        """The most tokens of a text that are read; those of the question come on top."""
        return self._questions.limit

    def overlong(self, texts: Iterable[str]) -> list[str]:
        """Return the distinct texts of which only the beginning is read."""
        return [text for text in dict.fromkeys(texts) if self._questions.overlong(text)]

    def admit(self, texts: Sequence[str]) -> None:
        """Check texts, apply the text policy, and refuse control tokens within them."""
        super().admit(texts)
        self._questions.check(texts)

    def text_key(self, text: str) -> tuple[int, str]:
        """Sort by the number of tokens."""
        return len(self._questions.tail(text)), text

    def prepare_image(self, image: Image.Image) -> Prepared:
        """Run the model's image processor on an RGB image.

        One that it refuses because it is too long and thin (Qwen-VL: over 200 to 1) is made wider first, 100 to 1.
        """
        return self._questions.prepare(image)

    def embed_images(self, prepared: Sequence[Prepared]) -> list[Any]:
        """Compute what is kept of each image."""
        with torch.inference_mode(), threads_for(self.parameters):
            return [self._reuse.embed(image) for image in prepared]

    def score_batch(self, image_features: Sequence[Any], texts: Sequence[str]) -> torch.Tensor:
        """Return the probability of the answer for each text, (n,); images of pairs run one after the other."""
        tails = [self._questions.tail(text) for text in texts]
        self._check_length(max(map(len, image_features)) + max(map(len, tails)))
        with torch.inference_mode(), threads_for(self.parameters):
            if len(image_features) == 1:
                logits = self._reuse.logits(image_features[0], tails)
            else:
                pairs = zip(image_features, tails, strict=True)
                logits = torch.cat([self._reuse.logits(feature, [tail]) for feature, tail in pairs])
            return logits.log_softmax(dim=-1)[:, self._questions.answer_id].exp()

    def _check_length(self, length: int) -> None:
        if self._context is not None and length > self._context:
            raise RewardError(
                f"Image and question take {length} tokens, more than the {self._context} that {self.name} was made "
                "for: use max_pixels or image_options for fewer tokens per image."
            )
