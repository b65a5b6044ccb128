"""A reward that is read off the next word of a vision-language model, after a question about an image and a text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from tia2.rewards.families.vqascore.question import Prepared, Questions, check_image
from tia2.rewards.identity import Identity, released_identity
from tia2.rewards.loading.devices import pick_dtype, threads_for
from tia2.rewards.loading.fingerprints import fingerprint
from tia2.rewards.pretrained import count_weights

if TYPE_CHECKING:
    from PIL import Image

    from tia2.rewards.options import EncoderOptions

CHECKED_TEXTS = ("a red circle", "two dogs on a green bench by the sea, seen from far above")
"""On these, what can be kept of an image is tried when a model is loaded; they differ in length."""


@dataclass(frozen=True)
class Asked:
    """What a model is asked, and what may answer.

    Attributes:
        question: The question, with {prompt} where the text goes.
        answers: The answers whose probabilities are wanted, one token each.
        beginning: Beginnings of the model's answer, put into its mouth; the first after which each answer is one token.
    """

    question: str
    answers: tuple[str, ...]
    beginning: tuple[str, ...] = ("",)

    def questions(self, processor: Any, limit: int, where: str) -> Questions:
        """Return the question in a model's tokens.

        Args:
            processor: Processor of the model.
            limit: The most tokens of a text that are read.
            where: Name of the model in errors.

        Raises:
            RewardError: The question has no slot, or an answer is not exactly one token after any of the beginnings.
        """
        first, *others = self.beginning
        try:
            return Questions(processor, self.question, self.answers, limit, where, first)
        except RewardError:
            if not others:
                raise
        return Asked(self.question, self.answers, tuple(others)).questions(processor, limit, where)


@dataclass(frozen=True)
class ImageSettings:
    """Settings of a model's image processor.

    Attributes:
        min_pixels: Fewest pixels of a resized image, for models of dynamic resolution (Qwen-VL).
        max_pixels: Most pixels of a resized image, for models of dynamic resolution (Qwen-VL).
        others: Other settings, by the image processor's own names.
    """

    min_pixels: int | None = None
    max_pixels: int | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    def given(self) -> dict[str, Any]:
        """Return the settings that replace those of the model's files."""
        sizes = {"min_pixels": self.min_pixels, "max_pixels": self.max_pixels}
        return {**self.others, **{key: size for key, size in sizes.items() if size is not None}}


class AskedReward(CrossEncoder):
    """A reward that follows from the logits after a question. A subclass says how, in `_read`.

    Of each image, as much is kept as gives the logits of the whole model, which is tried on a small image when it
    is loaded: keys and values of image and question (Qwen-VL, InternVL, LLaVA, Gemma 3, …), the state that stands for
    them (models with linear attention), the image's features (PaliGemma, where image and question attend to each other
    both ways), or nothing. The card says which, and why not more. A batch of texts pads on the right.

    Args:
        source: A folder in the layout of transformers, or the id of a model on the Hugging Face Hub.
        asked: Question and possible answers.
        limit: The most tokens of a text that are read.
        images: Settings of the image processor.
        options: The options that every model with weights takes.

    Raises:
        MissingDependencyError: The model's processor needs a package that is not installed.
        RewardError: The files are missing, damaged or of another kind of model; an answer is not one token; the image
            processor has no such setting.
    """

    text_batch_size = 64

    def __init__(
        self, source: str | Path, asked: Asked, limit: int, images: ImageSettings, options: EncoderOptions
    ) -> None:
        device, dtype = pick_device(options.device), pick_dtype(options.dtype)
        self._image_options = images.given()
        self._files = find(str(source), options.revision)
        processor = load_processor(self._files, self._image_options)
        self._questions = asked.questions(processor, limit, self._files.where)
        model = load_model(self._files, dtype).to(device)
        self.parameters = count_weights(model)
        self._context: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._seen_by = type(processor.image_processor).__name__
        self._answerer = Answerer(model)
        prepared = self._questions.prepare(check_image())
        tails = [self._questions.tail(text) for text in CHECKED_TEXTS]
        with torch.inference_mode(), threads_for(self.parameters):
            self._reuse, self._why_not = choose(self._answerer, prepared, tails, self._files.where)
        self.text_policy = options.text_policy
        self.name = options.name or self._files.hub_id or self._files.folder.resolve().name
        self.device = str(device)
        self.batch_size = options.batch_size or 1  # keys and values of an image are large

    @abstractmethod
    def _read(self, logits: torch.Tensor) -> torch.Tensor:
        """Return rewards, (n,), from the logits of the next token, float32, (n, words)."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return what decides a reward beside files, limit, preprocessing and number format, for the fingerprint."""

    def _described(self, base: RewardCard, formula: str) -> RewardCard:
        """Return a family's card with the facts of this model."""
        kept = f"Kept of an image: {self._reuse.name}{' (' + self._why_not + ')' if self._why_not else ''}."
        options = "".join(f", {key}={value}" for key, value in self._image_options.items())
        return base.model_copy(
            update={
                "name": self.name,
                "hub_id": self._files.hub_id,
                "revision": self._files.revision,
                "formula": formula,
                "preprocessing": f"RGB, then {self._seen_by}{options}",
                "text_limit": self._questions.limit,
                "text_policy": self.text_policy,
                "dtype": str(self._answerer.model.dtype).removeprefix("torch."),
                "notes": f"{kept} {base.notes}",
            }
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all files, question, answers, image processor and its settings, formula and number format."""
        return self.digest_content().fingerprint

    def digest_content(self) -> Identity:
        """Return the fingerprint; of a class derived outside this library, its code and attributes count too."""
        return released_identity(self, self._released, excluded=("_answerer", "_reuse", "_questions", "_files"))

    @cached_property
    def _released(self) -> str:
        return fingerprint(
            self._files.all(),
            **self._settings(),
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
        """Return the reward of each text, (n,); images of pairs run one after the other."""
        tails = [self._questions.tail(text) for text in texts]
        self._check_length(max(map(len, image_features)) + max(map(len, tails)))
        with torch.inference_mode(), threads_for(self.parameters):
            if len(image_features) == 1:
                logits = self._reuse.logits(image_features[0], tails)
            else:
                pairs = zip(image_features, tails, strict=True)
                logits = torch.cat([self._reuse.logits(feature, [tail]) for feature, tail in pairs])
            return self._read(logits)

    def _check_length(self, length: int) -> None:
        if self._context is not None and length > self._context:
            raise RewardError(
                f"Image and question take {length} tokens, more than the {self._context} that {self.name} was made "
                "for: use max_pixels or image_options for fewer tokens per image."
            )
