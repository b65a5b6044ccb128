"""What a reward server is asked, and what it answers: JSON with base64, or NumPy's own format without pickle."""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tia2.decoding import read_rgb
from tia2.errors import FinetuneError, first_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

JSON, NPZ, NPY = "application/json", "application/x-npz", "application/x-npy"
MOST_IMAGES = 4_096


@dataclass(frozen=True)
class Question:
    """Images to be scored.

    Attributes:
        images: The images.
        prompts: The prompt of each.
        contrastive: Contrastive prompts of each prompt that brings its own, by prompt.
    """

    images: list[Image.Image]
    prompts: list[str]
    contrastive: Mapping[str, tuple[str, ...]]


def read_question(body: bytes, content_type: str) -> Question:
    """Return what was asked.

    JSON: {"prompts": [text, …], "images": [base64 of an image file, …], "contrastive": {prompt: [text, …]}}, the last
    optional. NPZ: arrays `images`, uint8 of shape (n, height, width, 3), and `prompts`, n texts.

    Args:
        body: The request's body.
        content_type: "application/json" or "application/x-npz".

    Raises:
        FinetuneError: It isn't of this form; the text says what was expected.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        question = _from_json(body)
    elif kind == NPZ:
        question = _from_npz(body)
    else:
        raise FinetuneError(f"Expected a body of {JSON} or {NPZ}, got {kind or 'none'}.")
    if len(question.images) != len(question.prompts):
        raise FinetuneError(
            f"Expected one prompt per image, got {len(question.images)} images and {len(question.prompts)} prompts."
        )
    if len(question.images) > MOST_IMAGES:
        raise FinetuneError(f"Expected at most {MOST_IMAGES:,} images per request, got {len(question.images):,}.")
    return question


def answer(values: NDArray[np.float64], content_type: str) -> tuple[bytes, str]:
    """Return the body and type of an answer: {"values": […]} as JSON, or a float64 array in NumPy's format.

    Args:
        values: One per image.
        content_type: Content types that the client accepts.
    """
    if NPY in content_type:
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        return buffer.getvalue(), NPY
    return json.dumps({"values": values.tolist()}).encode(), JSON


def _from_json(body: bytes) -> Question:
    try:
        content: Any = json.loads(body)
    except (ValueError, UnicodeDecodeError, RecursionError):
        raise FinetuneError("The body is no JSON.") from None
    if not isinstance(content, dict):
        raise FinetuneError(f"Expected a JSON object with prompts and images, got {type(content).__name__}.")
    prompts, images = _texts(content.get("prompts"), "prompts"), _texts(content.get("images"), "images")
    contrastive = content.get("contrastive", {})
    if not isinstance(contrastive, dict):
        raise FinetuneError("contrastive must be an object from prompts to lists of texts.")
    sets = {prompt: tuple(_texts(texts, f"contrastive[{prompt!r}]")) for prompt, texts in contrastive.items()}
    return Question([_image(text, number) for number, text in enumerate(images)], prompts, sets)


def _from_npz(body: bytes) -> Question:
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            images, prompts = arrays["images"], arrays["prompts"]
    except Exception as error:  # zipfile and zlib have errors of their own, and a damaged header may raise anything
        raise FinetuneError(
            f"The body is no NPZ with images and prompts, without pickle: {first_line(error)}."
        ) from None
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise FinetuneError(
            f"images must be uint8 of shape (n, height, width, 3), got {images.dtype} of shape {images.shape}."
        )
    if prompts.ndim != 1 or prompts.dtype.kind != "U":
        raise FinetuneError(f"prompts must be a one-dimensional array of texts, got {prompts.dtype}.")
    return Question([Image.fromarray(pixels) for pixels in images], [str(text) for text in prompts], {})


def _texts(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise FinetuneError(f"{field} must be a list of texts.")
    return value


def _image(text: str, number: int) -> Image.Image:
    try:
        return read_rgb(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):  # an ImageFileError is one
        raise FinetuneError(f"Image {number} is no base64 of an image file.") from None
