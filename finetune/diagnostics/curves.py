"""A run's evaluations as arrays: every judge's values of the same prompts and seeds at every checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.errors import FinetuneError
from tia2.evaluation.bootstrap import expanded, resample_counts

from ..runner.parts import TEST, VALIDATION, total_kl
from ..runner.state import RunFolder

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
RESAMPLES = 2_000


@dataclass(frozen=True)
class RunCurves:
    """A run's values at every evaluation.

    Attributes:
        epochs: Epochs of the evaluations, first 0, shape (evaluations,).
        updates: Optimiser steps until then, same shape.
        kl: Path KL to the base model without the last two steps, nats, same shape.
        step_kl: KL per step, shape (evaluations, steps).
        prompts: The prompts.
        held_out: Whether each prompt was held out of training, shape (prompts,).
        values: Each judge's values by role, shape (evaluations, prompts, images).
        validation: Whether each image number is validation, which may choose a checkpoint, shape (images,).
        names: Name of each judge, by role.
    """

    epochs: NDArray[np.intp]
    updates: NDArray[np.intp]
    kl: Floats
    step_kl: Floats
    prompts: tuple[str, ...]
    held_out: NDArray[np.bool_]
    values: Mapping[str, Floats]
    validation: NDArray[np.bool_]
    names: Mapping[str, str]

    @classmethod
    def of(cls, folder: RunFolder) -> RunCurves:
        """Read the curves of a run from the scores of its kept images.

        Raises:
            FinetuneError: There is no evaluation, or one is damaged or of other images than the first.
        """
        # First, since this says what is wrong where there is no run at all.
        names: dict[str, str] = folder.facts()["judges"]
        records = {record["epoch"]: record for record in folder.records() if record["kind"] == "evaluation"}
        epochs = [epoch for epoch in folder.evaluated_epochs() if epoch in records]
        if not epochs:
            raise FinetuneError(f"{folder.path} holds no evaluation yet: run it further with `tia2 finetune resume`.")
        frames = {epoch: folder.evaluation(epoch, images=False) for epoch in epochs}
        return cls.from_frames(names, records, frames)

    @classmethod
    def from_frames(
        cls,
        names: Mapping[str, str],
        records: Mapping[int, Mapping[str, Any]],
        frames: Mapping[int, pd.DataFrame],
    ) -> RunCurves:
        """Make curves of evaluations.

        Args:
            names: Name of each judge, by role.
            records: The journal's record of each evaluation, by epoch.
            frames: The scores of each evaluation's images, by epoch, in ascending order of the epoch.

        Raises:
            FinetuneError: An evaluation is of other images than the first.
        """
        epochs = list(frames)
        first = frames[epochs[0]]
        for epoch, frame in frames.items():
            if not first[["prompt", "number"]].equals(frame[["prompt", "number"]]):
                raise FinetuneError(f"The evaluation of epoch {epoch} is of other images than that of {epochs[0]}.")
        prompts = tuple(dict.fromkeys(first["prompt"]))
        images = len(first) // len(prompts)
        split = first["split"].to_numpy().reshape(len(prompts), images)[:, 0]
        steps = [np.asarray(records[epoch]["step_kl"], np.float64) for epoch in epochs]
        return cls(
            epochs=np.array(epochs),
            updates=np.array([records[epoch]["updates"] for epoch in epochs]),
            kl=np.array([total_kl(step) for step in steps]),
            step_kl=np.stack(steps),
            prompts=prompts,
            held_out=split == "held-out",
            values={
                role: np.stack([_values(frame, role, len(prompts)) for frame in frames.values()]) for role in names
            },
            validation=first["part"].to_numpy()[:images] == VALIDATION,
            names=names,
        )

    def part(self, role: str, *, held_out: bool | None = False, part: str = TEST) -> Floats:
        """Return a judge's values on some prompts and images.

        Args:
            role: "proxy", "gold", "watch0", …
            held_out: Whether of held-out prompts; None for all prompts.
            part: "test" or "validation".

        Returns:
            Shape (evaluations, prompts, images).
        """
        chosen = np.ones(len(self.prompts), np.bool_) if held_out is None else self.held_out == held_out
        images = self.validation if part == VALIDATION else ~self.validation
        return self.values[role][:, chosen][:, :, images]


def _values(frame: pd.DataFrame, role: str, prompts: int) -> Floats:
    return frame[role].to_numpy(np.float64).reshape(prompts, -1)


@dataclass(frozen=True)
class RunMeanCurve:
    """A mean with its interval along a run.

    Attributes:
        mean: Shape (evaluations,).
        low: Lower ends.
        high: Upper ends.
    """

    mean: Floats
    low: Floats
    high: Floats


def mean_curve(values: Floats, seed: int = 0, resamples: int = RESAMPLES) -> RunMeanCurve:
    """Return the mean over prompts at every evaluation, with intervals clustered by prompt.

    Args:
        values: Shape (evaluations, prompts, images).
        seed: Seed of the bootstrap.
        resamples: The number of resamples.
    """
    by_prompt = values.mean(axis=2)
    ends = [interval_over_prompts(row, seed, resamples) for row in by_prompt]
    return RunMeanCurve(by_prompt.mean(axis=1), *np.transpose(ends))


def interval_over_prompts(figures: Floats, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the interval of a mean over prompts: what another set of such prompts would give.

    Args:
        figures: One per prompt, shape (prompts,).
        seed: Seed of the bootstrap.
        resamples: The number of resamples.
    """
    if len(figures) < 2:
        return float("nan"), float("nan")
    drawn = resample_counts(len(figures), resamples, seed, "finetune") @ figures / len(figures)
    return expanded(drawn, np.array([figures.var(ddof=1) / len(figures)]), np.array([len(figures)]))


def interval_over_images(values: Floats, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the interval of a mean over given prompts: what other seeds would give on these very prompts.

    Images are resampled within each prompt.

    Args:
        values: Shape (prompts, images).
        seed: Seed of the bootstrap.
        resamples: The number of resamples.
    """
    prompts, images = values.shape
    if images < 2:
        return float("nan"), float("nan")
    means = np.zeros(resamples)
    for number, row in enumerate(values):
        means += resample_counts(images, resamples, seed, f"finetune images {number}") @ row / images / prompts
    variance = values.var(axis=1, ddof=1) / images / prompts**2
    return expanded(means, variance, np.full(prompts, images))


def checkpoint_at(curves: RunCurves, epoch: int) -> int:
    """Return the position of an epoch among the evaluations.

    Raises:
        FinetuneError: It wasn't evaluated.
    """
    positions: Sequence[int] = np.flatnonzero(curves.epochs == epoch).tolist()
    if not positions:
        raise FinetuneError(f"Epoch {epoch} was not evaluated; these were: {', '.join(map(str, curves.epochs))}.")
    return positions[0]
