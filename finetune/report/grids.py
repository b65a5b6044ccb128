"""Sheets of a run's images: the same prompts and seeds along the run, what fell furthest first."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from ..runner.parts import TEST
from ..runner.state import RunFolder
from .content import Report, shown_epochs

_GAP, _TITLE, _SIDE = 3, 20, 80
_GOOD, _BAD, _UNKNOWN = (47, 125, 89), (190, 60, 40), (120, 120, 120)


def sample_sheet(folder: RunFolder, report: Report, prompts: int = 4, seeds: int = 6) -> Image.Image:
    """Return a sheet: a row per prompt and epoch, a column per seed, each image framed by the gold judge's verdict.

    Args:
        folder: The run's folder.
        report: Its report, which says where the peak is and which prompts fell.
        prompts: The number of prompts.
        seeds: Images per prompt.
    """
    order = [prompt for prompt, _ in report.peaks[0].falling_prompts] if report.peaks else report.prompts
    chosen, epochs = order[:prompts], list(shown_epochs(report))
    frames = {epoch: folder.evaluation(epoch) for epoch in epochs}
    columns = max(1, min(seeds, report.images_per_prompt // 2))
    cell = _SIDE + 2 * _GAP
    width, block = 110 + columns * cell, _TITLE + len(epochs) * cell
    sheet = Image.new("RGB", (width, len(chosen) * block), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for row, prompt in enumerate(chosen):
        top = row * block
        pen.text((4, top + 3), prompt, fill=(31, 41, 51), font=font)
        for line, epoch in enumerate(epochs):
            upper = top + _TITLE + line * cell
            pen.text((4, upper + cell // 2 - 8), _label(report, epoch), fill=(31, 41, 51), font=font)
            frame = frames[epoch]
            rows = frame[(frame["prompt"] == prompt) & (frame["part"] == TEST)].head(columns)
            golds: Sequence[float | None] = rows["gold"].tolist() if "gold" in rows else [None] * len(rows)
            for column, (png, gold) in enumerate(zip(rows["image"], golds, strict=True)):
                left = 110 + column * cell
                pen.rectangle([left, upper, left + cell - 2, upper + cell - 2], fill=_frame(gold))
                image = Image.open(io.BytesIO(png)).convert("RGB").resize((_SIDE, _SIDE))
                sheet.paste(image, (left + _GAP - 1, upper + _GAP - 1))
    return sheet


def _label(report: Report, epoch: int) -> str:
    if epoch == report.epochs[0]:
        return "base model"
    mark = " (peak)" if report.peaks and epoch == report.peaks[0].peak_epoch else ""
    return f"epoch {epoch}{mark}"


def _frame(gold: float | None) -> tuple[int, int, int]:
    if gold is None or gold not in (0.0, 1.0):
        return _UNKNOWN
    return _GOOD if gold else _BAD
