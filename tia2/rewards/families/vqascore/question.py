"""From a text to the tokens of a question about an image, and the token of the answer.

The processor of the model makes the tokens, image and question together; they are cut afterwards. Everything up to the
text is the same for all texts of an image and is called the head here; the rest, which depends on the text but not on
the image, is the tail.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tia2.errors import RewardError

if TYPE_CHECKING:
    import torch

QUESTION = 'Does this figure show "{prompt}"? Please answer Yes or No.'
"""The question of VQAScore's authors (t2v_metrics 6ecb74f), the same for all of their decoder-only models."""

SLOT = "{prompt}"
"""Where the text goes."""

PROBES = ("a dog", "Two cats", "7 birds", "the sea")
"""Texts whose tokens show where the head ends."""

LONGEST = 100
"""Images that the processor refuses are made at most this many times as long as wide."""


@dataclass(frozen=True)
class Tail:
    """The tokens that follow the head.

    Attributes:
        back: Number of tokens at the end of the head that these replace; 0 unless the text melts with the question
            before it.
        ids: The tokens.
    """

    back: int
    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids) - self.back


@dataclass(frozen=True)
class Prepared:
    """One image, ready for the model.

    Attributes:
        ids: The tokens of the head, those that stand for the image included.
        kinds: The processor's other statements about each token, such as whether it belongs to the image: name to
            (1, length).
        image: Pixels and their layout, by the names of the model's arguments.
    """

    ids: tuple[int, ...]
    kinds: dict[str, torch.Tensor]
    image: dict[str, Any]

    def __len__(self) -> int:
        return len(self.ids)


class _Once:
    """An image processor that computes its first answer and repeats it: the tokens of texts don't depend on pixels."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._answer: Any = None

    def __call__(self, *images: Any, **options: Any) -> Any:
        if self._answer is None:
            self._answer = self._processor(*images, **options)
        return copy.copy(self._answer)

    def __getattr__(self, name: str) -> Any:
        if name == "_processor":  # asked for by `copy`, before there is one
            raise AttributeError(name)
        return getattr(self._processor, name)


class Questions:
    """Asks a processor for the tokens of questions.

    Args:
        processor: Processor of the model.
        question: The question, with `SLOT` where the text goes. Without a chat template it is all that the processor
            gets; a question that names the processor's own image token decides where the image goes then.
        answers: The answers whose probabilities are wanted.
        limit: The most tokens of a text that are read.
        where: Name of the model in errors.
        beginning: Beginning of the model's answer, put into its mouth.

    Raises:
        RewardError: The question has no slot, or an answer is not exactly one token.
    """

    def __init__(
        self,
        processor: Any,
        question: str,
        answers: Sequence[str],
        limit: int,
        where: str,
        beginning: str = "",
    ) -> None:
        if question.count(SLOT) != 1:
            raise RewardError(f"The question is {question!r}; expected one with {SLOT} in it once.")
        if limit < 1:
            raise RewardError(f"max_text_tokens is {limit}; expected 1 or more.")
        self._question, self.beginning, self._where, self.limit = question, beginning, where, limit
        self._processor = processor
        self._words = processor.tokenizer
        self._replayed = copy.copy(processor)
        self._replayed.image_processor = _Once(processor.image_processor)
        added = self._words.added_tokens_decoder
        self._special = frozenset(token for token, entry in added.items() if entry.special)
        probes = [self._whole(text) for text in PROBES]
        self._anchor = self._render(PROBES[0])
        self._anchor_ids = probes[0]
        self._head = probes[0][: min(common_start(probes[0], other) for other in probes[1:])]
        self.answer_ids = [self._one_token(answer) for answer in answers]
        self.tail: Callable[[str], Tail] = lru_cache(maxsize=1 << 16)(self._checked_tail)

    def prepare(self, image: Image.Image) -> Prepared:
        """Prepare an RGB image.

        Raises:
            RewardError: The processor refuses it.
        """
        try:
            given = self._ask(self._processor, image, self._anchor)
        except ValueError as error:
            short, long = sorted(image.size)
            if long <= LONGEST * short:
                raise RewardError(f"The processor of {self._where} refuses an image of {image.size}: {error}") from None
            least = -(-long // LONGEST)
            wider = image.resize((max(image.width, least), max(image.height, least)), Image.Resampling.BICUBIC)
            given = self._ask(self._processor, wider, self._anchor)
        ids = _row(given["input_ids"])
        tail = self._tail(PROBES[0]).ids
        end = len(ids) - len(tail)
        if ids[end:] != tail:
            raise RewardError(f"{self._where}: what its processor makes of a text depends on the image: not supported.")
        kinds: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for key, value in given.items():
            if key in ("input_ids", "attention_mask", "labels"):
                continue
            is_row = getattr(value, "shape", None) == given["input_ids"].shape and not value.is_floating_point()
            (kinds if is_row else others)[key] = value[:, :end] if is_row else value
        return Prepared(ids[:end], kinds, others)

    def overlong(self, text: str) -> bool:
        """Whether a text has more tokens than are read."""
        return len(self._words(text, add_special_tokens=False)["input_ids"]) > self.limit

    def check(self, texts: Sequence[str]) -> None:
        """Raise a RewardError if a text would be read as more than text."""
        for text in dict.fromkeys(texts):
            self.tail(text)

    def _checked_tail(self, text: str) -> Tail:
        kept = self._cut(text)
        alone = self._words(kept, add_special_tokens=False)["input_ids"]
        if brought := self._special.intersection(alone):
            names = ", ".join(map(repr, self._words.convert_ids_to_tokens(sorted(brought))))
            raise RewardError(
                f"The text {text[:60]!r} holds {names}, which {self._where} reads as control tokens: rephrase it."
            )
        return self._tail(kept)

    def _tail(self, text: str) -> Tail:
        ids = self._whole(text)
        shared = common_start(ids, self._head)
        return Tail(len(self._head) - shared, tuple(ids[shared:]))

    def _cut(self, text: str) -> str:
        if not self.overlong(text):
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (low, middle - 1) if self.overlong(text[:middle]) else (middle, high)
        return text[:low]

    def _render(self, text: str) -> str:
        question = self._question.replace(SLOT, text)
        template = getattr(self._processor, "chat_template", None) or getattr(self._words, "chat_template", None)
        if template:
            message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
            options = {"enable_thinking": False} if "enable_thinking" in str(template) else {}
            rendered: str = self._processor.apply_chat_template(
                [message], add_generation_prompt=True, tokenize=False, **options
            )
            return rendered + self.beginning
        image_token = str(getattr(self._processor, "image_token", ""))
        asked = question if image_token and image_token in self._question else image_token + question
        return asked + self.beginning

    def _whole(self, text: str) -> tuple[int, ...]:
        return _row(self._ask(self._replayed, _CHECK, self._render(text))["input_ids"])

    def _ask(self, processor: Any, image: Image.Image, rendered: str) -> dict[str, Any]:
        options: dict[str, Any] = {"return_tensors": "pt"}
        start = self._words.bos_token
        if start and rendered.startswith(start):
            options["add_special_tokens"] = False
        return dict(processor(images=[image], text=[rendered], **options))

    def _one_token(self, answer: str) -> int:
        """Return the token of the answer where the question ends: " Yes" after a colon, "Yes" after a new line."""
        before = list(self._anchor_ids[-8:])
        context = self._words.decode(before, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        is_open = before[-1] in self._special or context[-1:].isspace() or answer[:1].isspace()
        gap = "" if is_open else " "
        alone = self._words(context, add_special_tokens=False)["input_ids"]
        answered = self._words(context + gap + answer, add_special_tokens=False)["input_ids"]
        added = answered[len(alone) :] if answered[: len(alone)] == alone else []
        if len(added) != 1 or self._words.decode(added).strip() != answer.strip():
            pieces = self._words.convert_ids_to_tokens(self._words(gap + answer, add_special_tokens=False)["input_ids"])
            raise RewardError(
                f"The answer {gap + answer!r} is not one token of {self._where} ({pieces}): its probability would not "
                "be that of the answer. Give another one with answer=."
            )
        return int(added[0])


def _check_image() -> Image.Image:
    rows, columns = np.mgrid[0:84, 0:112]
    return Image.fromarray(np.stack([rows * 3, columns * 2, (rows * columns) % 256], axis=-1).astype(np.uint8))


_CHECK = _check_image()


def check_image() -> Image.Image:
    """Return the image on which a model is tried when it is loaded: small, not square, with no symmetry."""
    return _CHECK


def _row(ids: Any) -> tuple[int, ...]:
    return tuple(int(token) for token in ids[0])


def common_start(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of tokens with which both sequences begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(first), len(second)))
