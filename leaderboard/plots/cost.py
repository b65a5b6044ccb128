"""What scoring takes against how well it agrees with people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tia2.figures.style import FONT_SIZE

from ..data.board import Board, BoardEntry
from .rows import EntryRow, ranked_rows, title_of, where
from .style import Trace, clean, empty, error_bars, families, family_of, figure, one_line, safe, with_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TOP = 200
NOTHING = (
    "No model on this board declares what scoring takes. Items per second, or multiply-accumulate operations, can be "
    "declared in a submission's card."
)


def cost(board: Board, scope: str, metric: str) -> Figure:
    """Return the ranked entries by declared cost, on a logarithmic axis, and agreement.

    Items per second are shown if at least as many models declare them as declare operations.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rows, speed = _declared(board, scope, metric)
    if not rows:
        return empty(NOTHING)
    named = {
        row.entry.id for row, _ in best_for_less([(row, amount if not speed else 1 / amount) for row, amount in rows])
    }
    amounts = [amount for _, amount in rows]
    middle = math.sqrt(min(amounts) * max(amounts))
    traces = []
    for family, colour in families(row.entry for row, _ in rows).items():
        members = [(row, amount) for row, amount in rows if family_of(row.entry) == family]
        traces.append(_points(members, family, colour, title_of(metric), speed, middle, named))
    words = (
        "items per second, as declared · cheaper →"
        if speed
        else "multiply-accumulate operations per item, as declared · cheaper →"
    )
    return figure(
        traces,
        440,
        xaxis={"title": words, "type": "log", **_decades(amounts, speed)},
        yaxis={"title": f"{title_of(metric)}, {where(scope)}", "tickformat": ".3~g"},
        showlegend=True,
        margin={"l": 8, "r": 12, "t": 24, "b": 80},
    )


def cost_words(board: Board, scope: str, metric: str) -> str:
    """Return what the figure shows, in a sentence or two.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    rows, speed = _declared(board, scope, metric)
    if not rows:
        return NOTHING
    front = best_for_less([(row, amount if not speed else 1 / amount) for row, amount in rows])
    names = ", ".join(f"{clean(row.entry.name)} ({row.mean:.3f})" for row, _ in front[:5])
    return (
        f"{len(rows)} entries declare their {'speed' if speed else 'operations'}. From the cheapest on, the best "
        f"{title_of(metric)} for the cost have {names}{' and others' if len(front) > 5 else ''}."
    )


def best_for_less(rows: Sequence[tuple[EntryRow, float]]) -> list[tuple[EntryRow, float]]:
    """Return those that no other equals or beats for the same cost or less, cheapest first."""
    front: list[tuple[EntryRow, float]] = []
    for row, amount in sorted(rows, key=lambda pair: (pair[1], -pair[0].mean)):
        if not front or row.mean > front[-1][0].mean:
            front.append((row, amount))
    return front


def _declared(board: Board, scope: str, metric: str) -> tuple[list[tuple[EntryRow, float]], bool]:
    """Return the entries with a declared cost, and whether it is in items per second."""
    rows = ranked_rows(board, scope, metric)
    both = [
        [(row, amount) for row in rows if (amount := _amount(row.entry, name)) is not None]
        for name in ("items_per_second", "macs")
    ]
    speed = len(both[0]) >= len(both[1])
    return both[0 if speed else 1][:TOP], speed


def _amount(entry: BoardEntry, name: str) -> float | None:
    declared = entry.listing.card.cost if entry.listing is not None else None
    amount: float | None = getattr(declared, name) if declared is not None else None
    return amount


def _points(
    rows: Sequence[tuple[EntryRow, float]],
    family: str,
    colour: str,
    title: str,
    speed: bool,
    middle: float,
    named: set[str],
) -> Trace:
    means = [row.mean for row, _ in rows]
    # Names grow towards the middle: none leaves the plot.
    sides = ["top left" if (amount > middle) == speed else "top right" for _, amount in rows]
    return {
        "type": "scatter", "mode": "markers+text", "name": family, "x": [amount for _, amount in rows], "y": means,
        "text": [one_line(row.entry) if row.entry.id in named else "" for row, _ in rows],
        "textposition": sides, "textfont": {"size": FONT_SIZE}, "cliponaxis": False,
        "marker": {"size": 9, "color": colour},
        "error_y": error_bars(means, [row.low for row, _ in rows], [row.high for row, _ in rows], colour),
        "hovertext": [_hover(row, amount, title, speed) for row, amount in rows],
        "hoverinfo": "text",
    }  # fmt: skip


def _hover(row: EntryRow, amount: float, title: str, speed: bool) -> str:
    card = row.entry.listing.card if row.entry.listing is not None else None
    device = f" on {safe(card.cost.device)}" if speed and card and card.cost and card.cost.device else ""
    unit = f"items per second{device}" if speed else "operations per item"
    figures = with_interval(row.mean, row.low, row.high)
    return f"{safe(row.entry.name)}<br>{title} {figures}<br>{amount:,.4g} {unit}, as declared"


def _decades(amounts: Sequence[float], speed: bool) -> Trace:
    """Return the range of a logarithmic axis, cheaper to the right, and its ticks."""
    low, high = math.log10(min(amounts)), math.log10(max(amounts))
    pad = 0.06 * (high - low) or 0.2
    steps = (1, 2, 5) if high - low < 4 else (1,)
    ticks = [step * 10.0**power for power in range(math.floor(low - pad), math.ceil(high + pad) + 1) for step in steps]
    ends = [low - pad, high + pad]
    return {
        "range": ends if speed else ends[::-1],
        "tickvals": ticks,
        "ticktext": [_short(tick) for tick in ticks],
    }


def _short(amount: float) -> str:
    """Return an amount with a letter for thousands, millions and so on.

    Example:
        >>> _short(0.5), _short(2000), _short(5e12)
        ('0.5', '2k', '5T')
    """
    power = max((power for power in range(5) if amount >= 1000**power), default=0)
    return f"{amount / 1000**power:g}{('', 'k', 'M', 'G', 'T')[power]}"
