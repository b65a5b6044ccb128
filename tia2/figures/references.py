"""Lines of reference in panels, horizontal and vertical, with names that don't run into each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tia2.figures.panel import Levels
from tia2.figures.style import BEHIND, PAPER, Surface, Trace, note_font
from tia2.figures.text import safe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = 0.06
"""Approximate height of a line of a name, as a share of the panel's height."""


def spread(heights: Sequence[float], least: float) -> list[float]:
    """Return heights moved apart just as far as needed, in the same order, around where they were.

    Args:
        heights: Heights of the names of lines.
        least: Least distance of two names.

    Example:
        >>> spread([0.5, 0.52, 0.9], 0.1)
        [0.46, 0.56, 0.9]
    """
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    # Names that would touch form a stack, which stands around the middle of its lines.
    stacks: list[list[int]] = []
    for number in order:
        stacks.append([number])
        while len(stacks) > 1 and _top(stacks[-2], heights, least) + least > _bottom(stacks[-1], heights, least):
            stacks[-2:] = [stacks[-2] + stacks[-1]]
    moved = list(heights)
    for stack in stacks:
        for position, number in enumerate(stack if len(stack) > 1 else ()):
            moved[number] = round(_bottom(stack, heights, least) + position * least, 12)
    return moved


def _bottom(stack: Sequence[int], heights: Sequence[float], least: float) -> float:
    return sum(heights[number] for number in stack) / len(stack) - least * (len(stack) - 1) / 2


def _top(stack: Sequence[int], heights: Sequence[float], least: float) -> float:
    return _bottom(stack, heights, least) + least * (len(stack) - 1)


def draw_levels(axes: Axes, levels: Levels, *, outside: bool = False) -> None:
    """Draw horizontal lines of reference with Matplotlib, each named at its right end.

    Args:
        axes: Axes to draw on, which hold their data already.
        levels: Lines of reference, by what they mean.
        outside: Whether names stand outside the axes, where curves can't cross them.
    """
    for level in levels.values():
        axes.axhline(level, color=PAPER.muted, linewidth=0.9, linestyle="--", zorder=BEHIND)
    bottom, top = axes.get_ylim()
    inside, beyond = {"xytext": (-2, 2), "ha": "right"}, {"xytext": (2, 0), "ha": "left", "va": "center"}
    position: dict[str, Any] = beyond if outside else inside
    heights = spread(list(levels.values()), _LINE * abs(top - bottom))
    for name, height in zip(levels, heights, strict=True):
        axes.annotate(
            name, (1, height), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=7,
            color=PAPER.muted, **position,
        )  # fmt: skip


def draw_uprights(axes: Axes, uprights: Levels) -> None:
    """Draw vertical lines of reference with Matplotlib, each named at its upper end.

    Args:
        axes: Axes to draw on.
        uprights: Lines of reference, by what they mean.
    """
    for name, position in uprights.items():
        axes.axvline(position, color=PAPER.muted, linewidth=0.9, linestyle=":", zorder=BEHIND)
        axes.annotate(
            name, (position, 1), xycoords=("data", "axes fraction"), xytext=(3, -2), textcoords="offset points",
            fontsize=7, color=PAPER.muted, va="top",
        )  # fmt: skip


def plotly_levels(levels: Levels, surface: Surface) -> tuple[list[Trace], list[Trace]]:
    """Return horizontal lines of reference as Plotly shapes, and their names as annotations.

    The lowest line is named below it and the others above, since Plotly decides the axis and what is near.

    Args:
        levels: Lines of reference, by what they mean.
        surface: Surface that the figure is drawn on.
    """
    shapes: list[Trace] = []
    names: list[Trace] = []
    lowest = min(levels.values(), default=0.0)
    for name, level in levels.items():
        span = {"xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": level, "y1": level}
        shapes.append({"type": "line", "line": {"color": surface.muted, "width": 1, "dash": "dash"}, **span})
        below = len(levels) > 1 and level == lowest
        names.append(
            {
                "text": safe(name), "x": 1, "y": level, "xref": "x domain", "yref": "y", "xanchor": "right",
                "yanchor": "top" if below else "bottom", "showarrow": False, "font": note_font(surface),
            }
        )  # fmt: skip
    return shapes, names


def plotly_uprights(uprights: Levels, surface: Surface) -> tuple[list[Trace], list[Trace]]:
    """Return vertical lines of reference as Plotly shapes, and their names as annotations.

    Args:
        uprights: Lines of reference, by what they mean.
        surface: Surface that the figure is drawn on.
    """
    shapes: list[Trace] = []
    names: list[Trace] = []
    for name, position in uprights.items():
        span = {"xref": "x", "x0": position, "x1": position, "yref": "y domain", "y0": 0, "y1": 1}
        shapes.append({"type": "line", "line": {"color": surface.muted, "width": 1, "dash": "dot"}, **span})
        names.append(
            {
                "text": safe(name), "x": position, "y": 1, "xref": "x", "yref": "y domain", "xanchor": "left",
                "yanchor": "top", "showarrow": False, "font": note_font(surface),
            }
        )  # fmt: skip
    return shapes, names
