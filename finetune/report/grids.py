"""A run's images: the same prompts and seeds along the run, what fell furthest first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

from ..runner.parts import TEST
from ..runner.state import RunFolder
from ..sheets import SheetBlock, SheetRow
from .content import shown_epochs
from .records import Report

if TYPE_CHECKING:
    import pandas as pd

GOOD, BAD, UNKNOWN = "#2f7d59", "#c55051", "#9aa5b1"
"""Frames of images that the gold judge accepts, doesn't, or can't say yes or no to."""


def sample_blocks(
    folder: RunFolder, report: Report, prompts: int = 4, seeds: int = 8, epochs: int = 4
) -> list[SheetBlock]:
    """Return a block per prompt, with a row per epoch and a column per seed, framed by the gold judge's verdict.

    Args:
        folder: The run's folder.
        report: Its report, which says where the peak is and which prompts fell.
        prompts: The number of prompts, those that fell furthest first.
        seeds: Images per prompt at most, all of them test images.
        epochs: Epochs per prompt.
    """
    order = [change.prompt for change in report.changes] or report.prompts
    frames = {epoch: folder.evaluation(epoch) for epoch in shown_epochs(report, epochs)}
    return [
        SheetBlock(prompt, [_row(report, epoch, frame, prompt, seeds) for epoch, frame in frames.items()])
        for prompt in order[:prompts]
    ]


def _row(report: Report, epoch: int, frame: pd.DataFrame, prompt: str, seeds: int) -> SheetRow:
    tests = frame[(frame["prompt"] == prompt) & (frame["part"] == TEST)]
    golds: Sequence[float | None] = tests["gold"].tolist() if "gold" in tests else [None] * len(tests)
    label = _label(report, epoch)
    if golds and all(gold in (0.0, 1.0) for gold in golds):
        # All of them, where the row shows only the first few.
        label += f"\n{sum(gold == 1.0 for gold in golds)} of {len(golds)}"
    images = [Image.open(io.BytesIO(png)) for png in tests["image"].head(seeds)]
    return SheetRow(label, images, [verdict_frame(gold) for gold in golds[:seeds]])


def _label(report: Report, epoch: int) -> str:
    if epoch == report.epochs[0]:
        return "base model"
    mark = ", peak" if report.peaks and epoch == report.peaks[0].peak_epoch else ""
    return f"epoch {epoch}{mark}"


def verdict_frame(gold: float | None) -> str:
    """Return the colour of an image's frame: what a gold judge that says yes or no thinks of it.

    Args:
        gold: The judge's value; None without a gold judge.
    """
    if gold is None or gold not in (0.0, 1.0):
        return UNKNOWN
    return GOOD if gold else BAD
