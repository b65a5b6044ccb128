"""What became of each prompt between the base model, the peak and the end."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..bon.records import Number, Part
from ..runner.parts import HELD_OUT, TRAIN
from .curves import RunCurves, interval_over_images
from .peak import PeakTest


class PromptChange(Part):
    """Gold of one prompt along the run, on its test images."""

    prompt: str
    split: Literal["train", "held-out"]
    base: Number
    """Mean gold of the base model's images."""
    peak: Number
    """Mean gold at the peak of all prompts together."""
    end: Number
    fall: Number
    """Gold at the peak less gold at the end."""
    fall_interval: tuple[Number, Number]
    """What other seeds would give."""


def prompt_changes(curves: RunCurves, test: PeakTest, seed: int = 0) -> list[PromptChange]:
    """Return what became of each prompt, those whose gold fell furthest first.

    Args:
        curves: The run's curves, with a gold judge.
        test: The peak test of the prompts of one split.
        seed: Seed of the bootstraps.
    """
    held_out = test.split == HELD_OUT
    gold = curves.part("gold", held_out=held_out)
    peak = int(np.flatnonzero(curves.epochs == test.peak_epoch)[0])
    prompts = [prompt for prompt, out in zip(curves.prompts, curves.held_out, strict=True) if out == held_out]
    means = gold.mean(axis=2)
    changes = [
        PromptChange(
            prompt=prompt,
            split=HELD_OUT if held_out else TRAIN,
            base=float(means[0, number]),
            peak=float(means[peak, number]),
            end=float(means[-1, number]),
            fall=float(means[peak, number] - means[-1, number]),
            fall_interval=interval_over_images(gold[peak, [number]] - gold[-1, [number]], seed),
        )
        for number, prompt in enumerate(prompts)
    ]
    return sorted(changes, key=lambda change: -change.fall)
