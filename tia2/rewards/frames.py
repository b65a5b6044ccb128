"""Any image reward on videos and on several views of an object: frame by frame, then pooled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import RewardError
from tia2.frames import frames_of
from tia2.rewards.base import Rewards, check_lengths
from tia2.rewards.card import RewardCard
from tia2.rewards.functions import as_reward
from tia2.rewards.identity import Identity, identity

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from tia2.rewards.base import RewardModel

POOLS = ("mean", "min", "max")
"""The ways to pool; `min` asks that a text holds in every frame, `max` that it holds in one."""


class FramesReward:
    """A reward of moving pictures: that of evenly spaced frames, pooled for each text.

    reward(x, y) = pool over frames f of r(x_f, y). TextNorm then compares pooled rewards: softmax over texts of
    pool_f r(x_f, y) / T. With a temperature T of its own it is the other way round: TextNorm in each frame first, and
    the reward is T log q(y), q(y) = pool_f softmax_y(r(x_f, y) / T), which is normalised already: it is used raw.

    With mean and min, TextNorm belongs before pooling: texts are to be compared on the same frame. A frame in which the
    picture is poor lowers the rewards of all texts; pooled first, prompt and contrastive prompts are compared at
    rewards from different frames (min), or plain frames outweigh those in which another text holds (mean). On 360
    videos of the miniature world (`benchmarks/videos.py`) AUROC within prompts rises by .07 to .13 with either. The
    maximum asks something else, whether a text holds in any frame.

    Args:
        reward: The reward of single images: an object, or a function `(images, texts) -> rewards`.
        frames: The most frames of an item; a still picture has one.
        pool: "mean", "min" or "max".
        temperature: Temperature of TextNorm in each frame; raw rewards are pooled if None.

    Raises:
        RewardError: There is no such pool, or a number is out of range.

    Example:
        >>> from PIL import Image
        >>> def bright(images, texts):
        ...     return [np.asarray(image).mean() / 255 for image in images]
        >>> FramesReward(bright, frames=4).score([Image.new("RGB", (8, 8), "white")], ["bright"]).tolist()
        [1.0]
    """

    def __init__(self, reward: Any, *, frames: int = 8, pool: str = "mean", temperature: float | None = None) -> None:
        if pool not in POOLS:
            raise RewardError(f"pool is {pool!r}; expected {', '.join(POOLS[:-1])} or {POOLS[-1]}.")
        if frames < 1:
            raise RewardError(f"frames is {frames}; expected 1 or more.")
        if temperature is not None and not (np.isfinite(temperature) and temperature > 0):
            raise RewardError(f"The temperature of the frames is {temperature}; expected a number above 0.")
        self.reward: RewardModel = as_reward(reward)
        self.frames, self.pool, self.temperature = frames, pool, temperature
        normalised = "" if temperature is None else f", normalised at {temperature:g}"
        self.name = f"{self.reward.name} ({frames} frames, {pool}{normalised})"
        self.device = getattr(self.reward, "device", "unknown")

    @cached_property
    def card(self) -> RewardCard:
        """The facts of the reward of single images, and how frames are pooled."""
        card = self.reward.card
        how = (
            f"{self.pool} over {self.frames} evenly spaced frames of: {card.formula}"
            if self.temperature is None
            else f"T log of the {self.pool} over {self.frames} evenly spaced frames of softmax over texts (T = "
            f"{self.temperature:g}) of: {card.formula}"
        )
        changed: dict[str, Any] = {"name": self.name, "formula": how}
        if self.temperature is not None:
            changed |= {"unit": "T log probability", "range": (None, 0.0), "default_temperature": self.temperature}
        return card.model_copy(update=changed)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the reward of single images and how frames are pooled."""
        return self.digest_content().fingerprint

    def digest_content(self) -> Identity:
        """Return the fingerprint, and what could not be digested of the reward of single images."""
        inner = identity(self.reward)
        facts = repr([inner.fingerprint, "frames", self.frames, self.pool, self.temperature])
        return Identity(hashlib.sha256(facts.encode()).hexdigest(), undigested=inner.undigested)

    def score(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score moving picture i against text i: (n,), float32.

        Args:
            images: n PIL images, opened files of several frames among them.
            texts: n texts.

        Raises:
            RewardError: The lengths differ, or frames are to be normalised, which needs all texts of a picture.
        """
        check_lengths(images, texts)
        if self.temperature is not None:
            raise RewardError("Frames are normalised over the texts of an item: use score_matrix, or tia2.score.")
        pairs = zip(images, texts, strict=True)
        return np.array([self.score_matrix([image], [text])[0, 0] for image, text in pairs], dtype=np.float32)

    def score_matrix(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Rewards:
        """Score every moving picture against every text, each frame encoded once: (n_images, n_texts), float32.

        Args:
            images: n_images PIL images, opened files of several frames among them.
            texts: n_texts texts; with a temperature they are what each frame is normalised over.
        """
        rows = [self.pooled(self.reward.score_matrix(frames_of(image, self.frames), texts)) for image in images]
        return np.stack(rows) if rows else np.zeros((0, len(texts)), dtype=np.float32)

    def pooled(self, rewards: Rewards) -> Rewards:
        """Pool the frames of one item.

        Args:
            rewards: (n_frames, n_texts).

        Returns:
            (n_texts,), float32.

        Example:
            >>> FramesReward(lambda images, texts: [0.0] * len(texts), pool="min").pooled(np.eye(2)).tolist()
            [0.0, 0.0]
        """
        values: NDArray[np.float64] = np.asarray(rewards, dtype=np.float64)
        if self.temperature is not None:
            scaled = values / self.temperature
            values = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
            if self.pool == "mean":
                of_mean = np.logaddexp.reduce(values, axis=0) - np.log(len(values))
                normalised: Rewards = np.asarray(of_mean * self.temperature, dtype=np.float32)
                return normalised
            values = values * self.temperature
        # Minimum and maximum don't care for the logarithm.
        result: Rewards = getattr(np, self.pool)(values, axis=0).astype(np.float32)
        return result
