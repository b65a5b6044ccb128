"""The two pictures of the quickstart: how well each entry agrees with people, and what it ranks first and last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.evaluation.summary import ENTRY
from tia2.figures import FigureSpec, Forest, ForestMark, ForestRow, ReferenceLine, Series
from tia2.figures.picture import blank, save_matplotlib, save_picture
from tia2.figures.style import MATPLOTLIB, PALETTE, PAPER
from tia2.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

METRIC, CHANCE = "auroc", 0.5
MARGIN = 0.02
"""Space beside the lowest and the highest figure, on the scale of the metric."""

WITHIN = Series("within prompts")
PEOPLE = Series("people, within prompts", PAPER.muted)
POOLED = Series("pooled", PAPER.muted, symbol="diamond", hollow=True)

# Colour-blind readers tell votes apart by their shapes as well.
ALIGNED, UNALIGNED, UNSURE = PALETTE[0], PALETTE[1], PAPER.muted
_VOTES: dict[int, dict[str, Any]] = {
    1: {"marker": "o", "color": ALIGNED, "markersize": 5.5, "label": "vote: aligned"},
    0: {"marker": "x", "color": UNALIGNED, "markersize": 5, "markeredgewidth": 1.8, "label": "vote: not aligned"},
    -1: {
        "marker": "o",
        "color": PAPER.background,
        "markeredgecolor": UNSURE,
        "markersize": 5.5,
        "label": "vote: unsure",
    },
}


@dataclass(frozen=True)
class Strip:
    """The images of one prompt, from the best-ranked to the worst-ranked.

    Attributes:
        title: Text above the images, usually the prompt.
        note: Smaller text beside the title.
        images: Images to show.
        votes: Votes on each of these images.
        best: Number of images, from the left, that are the best-ranked ones; the others are the worst-ranked.
    """

    title: str
    note: str
    images: Sequence[Image]
    votes: Sequence[Sequence[int]]
    best: int


def forest(summary: pd.DataFrame, path: Path) -> None:
    """Draw one panel for each subset: a dot with its interval for each entry, and a diamond for the pooled figure.

    Entries come in the same order in every panel, that of the last one (the mean of the subsets, where there is one);
    then, in grey, what people themselves reach.

    Args:
        summary: Frame that `summarise` returned.
        path: PNG file to write.
    """
    with replacing(path) as unfinished:
        save_picture(forest_figure(summary), unfinished, ".png")


def forest_figure(summary: pd.DataFrame) -> FigureSpec:
    """Return the figure that `forest` draws.

    Args:
        summary: Frame that `summarise` returned.
    """
    table = summary[summary["metric"] == METRIC]
    subsets = [name for name in table["subset"].cat.categories if (table["subset"] == name).any()]
    rows = [ForestRow(str(entry)) for entry in table[table["subset"] == subsets[-1]]["entry"]]
    ends = table[["mean", "low", "high", "pooled", "pooled_low", "pooled_high"]].to_numpy(np.float64)
    # One axis for all subsets, so that they can be compared.
    limits = min(CHANCE, np.nanmin(ends)) - MARGIN, max(CHANCE, np.nanmax(ends)) + MARGIN
    panels = [
        Forest(
            str(subset), "AUROC", _marks(table[table["subset"] == subset]), rows=rows,
            references=[ReferenceLine("chance", CHANCE)], limits=limits,
        )
        for subset in subsets
    ]  # fmt: skip
    return FigureSpec(
        "AUROC, higher is better: how well each reward agrees with people, and how well people agree with each other",
        panels,
        "Within prompts: mean over prompts, with its 95 % interval over prompts. Pooled: all items at once.",
    )


def _marks(table: pd.DataFrame) -> list[ForestMark]:
    marks = []
    for row in table.to_dict("records"):
        series = WITHIN if row["kind"] == ENTRY else PEOPLE
        marks += [
            ForestMark(row["entry"], series, row["mean"], row["low"], row["high"], f"{row['mean']:.2f}", shift=0),
            ForestMark(row["entry"], POOLED, row["pooled"], row["pooled_low"], row["pooled_high"], shift=0.3),
        ]
    return marks


def contact_sheet(strips: Sequence[Strip], path: Path, *, heading: str) -> None:
    """Draw rows of images under their prompts, each with its votes: a dot for yes, a cross for no, a circle for unsure.

    Args:
        strips: Rows of images, one for each prompt.
        path: PNG file to write.
        heading: Line above everything.
    """
    from matplotlib import rc_context
    from matplotlib.lines import Line2D

    width = max(len(strip.images) for strip in strips)
    with rc_context(MATPLOTLIB):
        figure = blank(0.95 * width + 0.5, 1.72 * len(strips) + 0.75)
        # An empty line parts the heading from the first prompt.
        figure.suptitle(f"{heading}\n", x=0.01, ha="left", fontsize=10)
        blocks: Any = figure.subfigures(len(strips), 1, squeeze=False)[:, 0]
        for block, strip in zip(blocks, strips, strict=True):
            block.suptitle(strip.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
            block.text(0.99, 0.965, strip.note, ha="right", va="top", fontsize=8, color=PAPER.muted)
            ratios = [1.0] * strip.best + [0.25] + [1.0] * (len(strip.images) - strip.best)
            cells = block.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
            gap = cells[strip.best]
            gap.axis("off")
            shown = [cell for cell in cells if cell is not gap]
            for cell, image, votes in zip(shown, strip.images, strip.votes, strict=True):
                _image(cell, image, votes)
            for first, words in ((0, "ranked best"), (strip.best, "ranked worst")):
                shown[first].set_title(words, loc="left", fontsize=8, color=PAPER.muted, pad=3)
        dots = [Line2D([], [], linestyle="", **look) for look in _VOTES.values()]
        figure.legend(handles=dots, loc="outside lower left", ncols=3, frameon=False, fontsize=8, handletextpad=0.1)
        _save(figure, path)


def _image(axes: Axes, image: Image, votes: Sequence[int]) -> None:
    axes.imshow(image, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=PAPER.grid)
    for number, vote in enumerate(votes):
        x = 0.5 + 0.13 * (number - (len(votes) - 1) / 2)
        axes.plot(x, -0.1, transform=axes.transAxes, clip_on=False, **_VOTES[int(vote)])


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as unfinished:
        save_matplotlib(figure, unfinished, "png")
