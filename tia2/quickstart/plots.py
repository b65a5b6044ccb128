"""The two pictures of the quickstart: how well each entry agrees with people, and what it ranks first and last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.evaluation.summary import ENTRY, OVERALL
from tia2.figures.style import GRID, INK, MATPLOTLIB, MUTED
from tia2.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

ACCENT = "#2f6690"
ALIGNED, UNALIGNED, UNSURE = "#3a7d44", "#c8553d", "#9aa5b1"
_VOTES: dict[int, dict[str, Any]] = {
    1: {"marker": "o", "color": ALIGNED, "markersize": 5.5, "label": "vote: aligned"},
    0: {"marker": "x", "color": UNALIGNED, "markersize": 5, "markeredgewidth": 1.8, "label": "vote: not aligned"},
    -1: {"marker": "o", "color": "white", "markeredgecolor": UNSURE, "markersize": 5.5, "label": "vote: unsure"},
}


@dataclass(frozen=True)
class Strip:
    """The images of one prompt, from the best-ranked to the worst-ranked.

    Attributes:
        title: What stands above, usually the prompt.
        note: What stands beside the title, smaller.
        images: The images to show.
        votes: The votes on each of these images.
        best: How many of the images, from the left, are the best-ranked ones; the others are the worst-ranked.
    """

    title: str
    note: str
    images: Sequence[Image]
    votes: Sequence[Sequence[int]]
    best: int


def forest(
    summary: pd.DataFrame, path: Path, *, metric: str = "auroc", title: str = "AUROC", chance: float = 0.5
) -> None:
    """Draw one panel for each subset: a dot with its interval for each entry, and a diamond for the pooled figure.

    Entries come in the same order in every panel, that of the last one (the mean of the subsets, where there is one);
    then, in grey, what people themselves reach.

    Args:
        summary: What `summarise` returned.
        path: The PNG to write.
        metric: Which metric to draw.
        title: The metric's name for the axis.
        chance: Where the line of a reward that knows nothing stands.
    """
    from matplotlib import rc_context

    chosen = summary[summary["metric"] == metric]
    subsets = [name for name in chosen["subset"].cat.categories if (chosen["subset"] == name).any()]
    entries = list(chosen[chosen["subset"] == subsets[-1]]["entry"])
    with rc_context(MATPLOTLIB):
        figure = _figure(2.3 + 2.2 * len(subsets), 1.5 + 0.36 * len(entries))
        panels = figure.subplots(1, len(subsets), sharex=True, sharey=True, squeeze=False)[0]
        for panel, subset in zip(panels, subsets, strict=True):
            _panel(panel, chosen[chosen["subset"] == subset].set_index("entry").loc[entries], chance)
            panel.set_title(subset, loc="left", fontsize=10, fontweight="bold" if subset == OVERALL else "normal")
        panels[0].set_yticks(range(len(entries)), entries)
        panels[0].invert_yaxis()
        figure.supxlabel(f"{title}, higher is better", fontsize=9, color=INK)
        handles = [
            panels[0].plot([], [], "o-", color=ACCENT, markersize=5, label="mean over prompts, 95 % interval")[0],
            panels[0].plot(
                [], [], "D", color="white", markeredgecolor=MUTED, markersize=4.5, label="all prompts pooled"
            )[0],
            panels[0].plot([], [], "--", color=MUTED, linewidth=0.9, label="chance")[0],
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False, fontsize=8)
        _save(figure, path)


def _panel(axes: Axes, rows: pd.DataFrame, chance: float) -> None:
    axes.axvline(chance, color=MUTED, linewidth=0.9, linestyle="--", zorder=1)
    for place, (_, row) in enumerate(rows.iterrows()):
        ink = ACCENT if row["kind"] == ENTRY else MUTED
        axes.plot([row["low"], row["high"]], [place, place], color=ink, linewidth=2, solid_capstyle="round", zorder=3)
        axes.plot(row["mean"], place, "o", color=ink, markersize=6, zorder=4)
        axes.plot(row["pooled"], place, "D", color="white", markeredgecolor=MUTED, markersize=4.5, zorder=2)
        axes.annotate(
            f"{row['mean']:.2f}", (row["mean"], place), xytext=(0, 6), textcoords="offset points",
            ha="center", fontsize=7.5, color=INK, zorder=5,
        )  # fmt: skip
    axes.set_ylim(-0.75, len(rows) - 0.45)
    axes.grid(axis="x", color=GRID, linewidth=0.8, zorder=0)
    axes.tick_params(length=0, colors=INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def contact_sheet(strips: Sequence[Strip], path: Path, *, heading: str) -> None:
    """Draw rows of images under their prompts, each with its votes: a dot for yes, a cross for no, a circle for unsure.

    Args:
        strips: One for each prompt.
        path: The PNG to write.
        heading: A line above everything.
    """
    from matplotlib import rc_context
    from matplotlib.lines import Line2D

    width = max(len(strip.images) for strip in strips)
    with rc_context(MATPLOTLIB):
        figure = _figure(0.95 * width + 0.5, 1.72 * len(strips) + 0.75)
        figure.suptitle(heading, x=0.01, ha="left", fontsize=10, color=INK)
        blocks: Any = figure.subfigures(len(strips), 1, squeeze=False)[:, 0]
        for block, strip in zip(blocks, strips, strict=True):
            block.suptitle(strip.title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
            block.text(0.99, 0.965, strip.note, ha="right", va="top", fontsize=8, color=MUTED)
            ratios = [1.0] * strip.best + [0.25] + [1.0] * (len(strip.images) - strip.best)
            cells = block.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
            gap = cells[strip.best]
            gap.axis("off")
            shown = [cell for cell in cells if cell is not gap]
            for cell, image, votes in zip(shown, strip.images, strip.votes, strict=True):
                _image(cell, image, votes)
            for first, words in ((0, "ranked best"), (strip.best, "ranked worst")):
                shown[first].set_title(words, loc="left", fontsize=8, color=MUTED, pad=3)
        dots = [Line2D([], [], linestyle="", **look) for look in _VOTES.values()]
        figure.legend(handles=dots, loc="outside lower left", ncols=3, frameon=False, fontsize=8, handletextpad=0.1)
        _save(figure, path)


def _image(axes: Axes, image: Image, votes: Sequence[int]) -> None:
    axes.imshow(image, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(GRID)
    for place, vote in enumerate(votes):
        x = 0.5 + 0.13 * (place - (len(votes) - 1) / 2)
        axes.plot(x, -0.1, transform=axes.transAxes, clip_on=False, **_VOTES[int(vote)])


def _figure(width: float, height: float) -> Figure:
    # A Figure of its own, not pyplot's: nothing global is touched, and no display is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as unfinished:
        figure.savefig(unfinished, format="png", facecolor="white")
