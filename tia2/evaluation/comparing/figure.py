"""A picture of two entries' differences, prompt by prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tia2.errors import ResultError
from tia2.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from tia2.evaluation.comparing.comparison import Comparison

FORMATS = (".png", ".pdf", ".svg")
NAMED = 3
"""How many prompts are named at each end."""

BETTER, WORSE, QUIET = "#2a6f97", "#bc6c25", "#666666"


def draw(found: Comparison, path: Path) -> None:
    """Draw every prompt's difference, sorted, with the mean and its interval, one panel a subset.

    Args:
        found: What `compare` returned.
        path: The file to write, .png, .pdf or .svg.

    Raises:
        ResultError: Another format, or the file can't be written.
    """
    if path.suffix not in FORMATS:
        raise ResultError(f"Expected a file ending in {', '.join(FORMATS)} for the figure, got {str(path)!r}.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    subsets = list(dict.fromkeys(str(prompt["subset"]) for prompt in found.prompts))
    figure = Figure(figsize=(7.5, 2.6 * len(subsets)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(subsets), 1, squeeze=False, sharey=True)[:, 0]
    of_subset = {row.subset: row for row in found.differences}
    for axes, subset in zip(panels, subsets, strict=True):
        prompts = sorted((one for one in found.prompts if one["subset"] == subset), key=lambda one: one["difference"])
        values = np.array([float(one["difference"]) for one in prompts])
        axes.bar(np.arange(len(values)), values, width=0.85, color=np.where(values > 0, BETTER, WORSE))
        row = of_subset[subset]
        axes.axhspan(row.low, row.high, color=QUIET, alpha=0.2, linewidth=0, zorder=0)
        axes.axhline(row.difference, color=QUIET, linewidth=1.2)
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_title(
            f"{subset}: mean {row.difference:+.3f}, 95 % {row.low:+.3f} to {row.high:+.3f}", loc="left", size=9
        )
        axes.set_ylabel(f"{METRICS[found.metric].title}, A - B", size=8)
        axes.set_xticks([])
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        lowest, highest = np.flatnonzero(values < 0)[:NAMED], np.flatnonzero(values > 0)[-NAMED:]
        for place in (*lowest, *highest):
            text = str(prompts[place]["prompt"])
            up = values[place] < 0
            axes.annotate(
                text if len(text) <= 42 else f"{text[:41]}…",
                (place, 0),
                xytext=(0, 3 if up else -3),
                textcoords="offset points",
                rotation=35,
                rotation_mode="anchor",
                ha="left" if up else "right",
                va="bottom" if up else "top",
                size=6,
                color=QUIET,
            )
    figure.suptitle(f"A = {found.a}, B = {found.b}: every prompt, sorted", x=0.01, ha="left", size=10)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160)
    except OSError as error:
        raise ResultError(f"{path} can't be written: {error.strerror or error}.") from None
