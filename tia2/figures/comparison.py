"""The figure of a comparison: two entries' differences, prompt by prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2.evaluation.metrics.pair_metrics import metric_named
from tia2.figures.differences import SortedDifferences
from tia2.figures.spec import FigureSpec

if TYPE_CHECKING:
    from tia2.evaluation.comparing.comparison import Comparison


def comparison_figure(comparison: Comparison) -> FigureSpec:
    """Return every prompt's difference, sorted, with the mean and its interval, one panel per subset.

    Args:
        comparison: Comparison that `tia2.compare` returned.

    Returns:
        A figure that `tia2.figures.save_figure` writes.

    Example:
        >>> save_figure(comparison_figure(tia2.compare(a, b)), Path("difference.pdf"))  # doctest: +SKIP
    """
    y_title = f"{metric_named(comparison.metric).title}, A - B"
    differences = {row.subset: row for row in comparison.differences}
    panels = []
    for subset in dict.fromkeys(str(prompt["subset"]) for prompt in comparison.prompts):
        prompts = [prompt for prompt in comparison.prompts if prompt["subset"] == subset]
        row = differences[subset]
        panels.append(
            SortedDifferences(
                f"{subset}: mean {row.difference:+.3f}, 95 % {row.low:+.3f} to {row.high:+.3f}", y_title, ("A", "B"),
                [str(prompt["prompt"]) for prompt in prompts], [float(prompt["difference"]) for prompt in prompts],
                row.difference, row.low, row.high,
            )
        )  # fmt: skip
    return FigureSpec(f"A = {comparison.a}, B = {comparison.b}: every prompt, sorted", panels, per_row=1)
