"""Reward models with one fault each, which the conformance checks must find; and sound ones, which must pass.

See what the suite says of one: `tia2 rewards check tests/rewards/broken_plugins.py:NAME`
"""

from __future__ import annotations

import functools
import hashlib
import time

import numpy as np
from PIL import Image, ImageDraw

from tia2.rewards import CrossEncoder, DualEncoder, RewardCard
from tia2.rewards.base import check_pairs
from tia2.rgb import to_rgb

SIDE = 8


def pixel_features(image: Image.Image) -> np.ndarray:
    """192 centred levels of a small copy."""
    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    return small.ravel() / 127.5 - 1


@functools.cache
def word_vector(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=SIDE * SIDE * 3)


def text_features(text: str) -> np.ndarray:
    """The sum of a fixed random vector for each word, and one for the text's end."""
    return sum((word_vector(word) for word in text.lower().split()), word_vector("</s>"))


def sound(images, texts):
    """Project pixels on directions that words stand for: senseless, but a reward model by every rule."""
    return [
        float(np.tanh(pixel_features(image) @ text_features(text) / 30))
        for image, text in zip(images, texts, strict=True)
    ]


class SoundDual(DualEncoder):
    """The same as a dual encoder."""

    @property
    def card(self):
        return RewardCard(
            name=self.name,
            kind="dual encoder",
            formula="cosine of small pixels and random word directions",
            unit="cosine",
            range=(-1.0, 1.0),
            preprocessing="resize 8x8 box",
            licence="Apache-2.0",
            default_temperature=0.01,
            training_data="none",
        )

    def embed_images(self, prepared):
        return np.stack([np.append(pixel_features(image), 1e-3) for image in prepared])

    def embed_texts(self, texts):
        return np.stack([np.append(text_features(text), 1e-3) for text in texts])


class SoundCross(CrossEncoder):
    """The same as a cross-encoder."""

    def embed_images(self, prepared):
        return [pixel_features(image) for image in prepared]

    def score_batch(self, image_features, texts):
        shared = list(image_features) * (len(texts) if len(image_features) == 1 else 1)
        return [np.tanh(image @ text_features(text) / 30) for image, text in zip(shared, texts, strict=True)]


class Protocol:
    """A model that derives from nothing."""

    device = "cpu"

    def __init__(self):
        self.name = type(self).__name__

    @property
    def card(self):
        return RewardCard(name=self.name, range=(-1.0, 1.0))

    @property
    def fingerprint(self):
        return hashlib.sha256(self.name.encode()).hexdigest()

    def score(self, images, texts):
        check_pairs(images, texts)
        images = [to_rgb(image) for image in images]
        return np.array(sound(images, texts), dtype=np.float32)

    def score_matrix(self, images, texts):
        rows = [self.score([image] * len(texts), texts) for image in images]
        return np.array(rows, dtype=np.float32).reshape(len(images), len(texts))


class BatchDependent(SoundDual):
    """Centres embeddings by the mean of their batch, as a batch norm in training mode does."""

    def embed_images(self, prepared):
        features = super().embed_images(prepared)
        return features - 0.5 * features.mean(axis=0)


def not_a_number(images, texts):
    """Takes a logarithm that some images make that of a negative number."""
    with np.errstate(invalid="ignore"):
        return np.log(np.array(sound(images, texts)) + 0.2)


def no_plain_colours(images, texts):
    """Divides by the contrast of the picture."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return [
            reward / np.asarray(image).std() * 50 for reward, image in zip(sound(images, texts), images, strict=True)
        ]


def exits(images, texts):
    """Ends the whole program where it should raise."""
    raise SystemExit("no licence key")


class WrongShape(Protocol):
    """Keeps the last axis of a linear layer: (n, 1)."""

    def score(self, images, texts):
        return super().score(images, texts)[:, None]

    def score_matrix(self, images, texts):
        return super().score_matrix(images, texts)[..., None]


def wrong_shape_function(images, texts):
    """Returns the matrix of all pairs, where pair by pair was asked for."""
    return [sound([image] * len(texts), texts) for image in images]


def text_blind(images, texts):
    """Looks at the image only."""
    return sound(images, ["a picture"] * len(texts))


class Control(Protocol):
    """Looks at the image only, and says so."""

    @property
    def card(self):
        return RewardCard(name=self.name, kind="control")

    def score(self, images, texts):
        check_pairs(images, texts)
        return super().score(images, ["a picture"] * len(texts))


def image_blind(images, texts):
    """Looks at the text only."""
    return sound([Image.new("RGB", (8, 8), "red")] * len(texts), texts)


def mutating_image(images, texts):
    """Draws a frame into the caller's pictures."""
    rewards = sound(images, texts)
    for image in images:
        ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), outline="white")
    return rewards


def shrinking(images, texts):
    """Makes large pictures of the caller small in place."""
    for image in images:
        image.thumbnail((512, 512))
    return sound(images, texts)


class MutatingTexts(Protocol):
    """Sorts the caller's list to find equal texts."""

    def score(self, images, texts):
        rewards = super().score(images, texts)
        if not isinstance(texts, str):
            texts.sort()
        return rewards

    def score_matrix(self, images, texts):
        return np.array([Protocol.score(self, [image] * len(texts), texts) for image in images], dtype=np.float32)


class Stateful(Protocol):
    """Standardises by a running mean over all it has seen."""

    mean = 0.0

    def score(self, images, texts):
        rewards = super().score(images, texts)
        if len(rewards):
            self.mean = 0.9 * self.mean + 0.1 * float(rewards.mean())
        return rewards - np.float32(self.mean)


class FirstCallDecides(Protocol):
    """Standardises by the first batch that it sees, for ever."""

    mean = None

    def score(self, images, texts):
        rewards = super().score(images, texts)
        if len(rewards) and self.mean is None:
            self.mean = float(rewards.mean())
        return rewards - np.float32(self.mean or 0)


class CachedByObject(SoundDual):
    """Remembers embeddings by the image object, not by what is in it."""

    def __init__(self):
        self.kept = {}

    def encode_images(self, images):
        for image in images:
            if id(image) not in self.kept:
                self.kept[id(image)] = (image, super().encode_images([image])[0])
        return np.stack([self.kept[id(image)][1] for image in images])


class HalfPrecision(SoundDual):
    """Multiplies in float16."""

    def similarity(self, image_features, text_features):
        return image_features.astype(np.float16) @ text_features.astype(np.float16).T


class HalfPrecisionScaled(SoundDual):
    """Multiplies in float16, and by the logit scale afterwards."""

    @property
    def card(self):
        return super().card.model_copy(update={"range": (-100.0, 100.0)})

    def similarity(self, image_features, text_features):
        product = image_features.astype(np.float16) @ text_features.astype(np.float16).T
        return 100 * product.astype(np.float32)


class BrainFloat(SoundDual):
    """Multiplies in bfloat16."""

    def similarity(self, image_features, text_features):
        import torch

        images, texts = (torch.from_numpy(features).bfloat16() for features in (image_features, text_features))
        return images @ texts.T


class OrderDependent(Protocol):
    """Forgets to put the rewards back after it sorted by the length of the texts."""

    def score(self, images, texts):
        check_pairs(images, texts)
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        return super().score([images[index] for index in by_length], [texts[index] for index in by_length])


class RaisesOnRgba(Protocol):
    """Converts grey and palette images, but takes those with transparency as they come."""

    def score(self, images, texts):
        check_pairs(images, texts)
        small = [
            np.asarray((image if image.mode == "RGBA" else to_rgb(image)).resize((SIDE, SIDE), Image.Resampling.BOX))
            for image in images
        ]
        rewards = [
            np.tanh(pixels.reshape(SIDE * SIDE * 3) / 127.5 @ text_features(text) / 30)
            for pixels, text in zip(small, texts, strict=True)
        ]
        return np.array(rewards, dtype=np.float32)


class NotThreadSafe(Protocol):
    """Keeps the batch on the object between two steps."""

    def score(self, images, texts):
        self.batch = [pixel_features(to_rgb(image)) for image in images]
        check_pairs(images, texts)
        time.sleep(0.001)
        rewards = [np.tanh(image @ text_features(text) / 30) for image, text in zip(self.batch, texts, strict=True)]
        return np.array(rewards, dtype=np.float32)


_dropout = np.random.default_rng(0)


def not_deterministic(images, texts):
    """Leaves dropout on."""
    return np.array(sound(images, texts)) * _dropout.uniform(0.8, 1.2, len(texts))


class SidewaysPhotos(Protocol):
    """Makes an array of RGB images and forgets their EXIF orientation."""

    def score(self, images, texts):
        check_pairs(images, texts)
        images = [to_rgb(image) if image.mode != "RGB" else Image.fromarray(np.asarray(image)) for image in images]
        return super().score(images, texts)


def needs_size(images, texts):
    """Fails on images of few pixels."""
    if any(min(image.size) < 8 for image in images):
        raise ValueError("kernel size can't be greater than input size")
    return sound(images, texts)


def needs_words(images, texts):
    """Divides by the number of words."""
    return [reward / len(text.split()) for reward, text in zip(sound(images, texts), texts, strict=True)]


class PolicyBroken(Protocol):
    """Says that it refuses long texts, and takes them."""

    @property
    def card(self):
        return RewardCard(name=self.name, text_limit=77, text_policy="error")


class Careless(Protocol):
    """Scores as many pairs as there are."""

    def score(self, images, texts):
        count = min(len(images), len(texts))
        return super().score(list(images)[:count], list(texts)[:count])


class TwoFormulas(SoundDual):
    """Scales the matrix, but not the pairs."""

    def score_matrix(self, images, texts):
        return 0.5 * super().score_matrix(images, texts)


class Company(SoundCross):
    """Pads to the longest text of the batch without a mask."""

    def score_batch(self, image_features, texts):
        longest = max(len(text.split()) for text in texts)
        padded = [text + " [PAD]" * (longest - len(text.split())) for text in texts]
        return super().score_batch(image_features, padded)


class RandomFingerprint(Protocol):
    """Hashes the address of the object."""

    @property
    def fingerprint(self):
        return hashlib.sha256(f"{id(self)} {time.perf_counter_ns()}".encode()).hexdigest()


class WrongRange(Protocol):
    """Says that rewards are probabilities."""

    @property
    def card(self):
        return RewardCard(name=self.name, range=(0.0, 1.0))
