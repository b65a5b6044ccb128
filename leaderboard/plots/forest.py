"""The forest plot: every entry's figure with its interval, between what people reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2.evaluation.summary import ANNOTATOR, CEILING
from tia2.figures import Forest, ForestMark, ForestRow, ReferenceLine, Series
from tia2.figures.forest import ROW
from tia2.figures.panel import colours_of
from tia2.figures.style import SCREEN

from ..data.board import Board
from .rows import EntryRow, bound_rows, ranked_positions, ranked_rows, rows_of, title_of, where
from .style import (
    DETAIL_LENGTH,
    INK,
    MODEL_LENGTH,
    clean,
    cut,
    empty,
    families,
    family_of,
    figure,
    parts_of,
    with_interval,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from tia2.evaluation.result import Estimate

GAP = 0.6
"""Space between the ranked entries and the upper bounds, in rows."""
BELOW = 0.3
"""How far below an entry's figure its pooled figure stands, in rows."""
POOLED = Series("pooled over prompts", INK, symbol="diamond", hollow=True)


def forest(board: Board, scope: str, metric: str, top: int = 30) -> Figure:
    """Return the ranked entries, best first, then the upper bounds, with intervals and pooled figures.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.
        top: Number of ranked entries at most; of the upper bounds, a third as many.

    Raises:
        UnknownNameError: The board has no such scope or metric.

    Example:
        >>> forest(board, "overall", "auroc").write_html("forest.html")  # doctest: +SKIP
    """
    panel = forest_panel(board, scope, metric, top)
    if panel is None:
        return empty("No complete entry yet. Entries appear here once they have a value for every item.")
    bottom, above = panel.y_range()
    x_axis, y_axis = panel.plotly_axes(SCREEN)
    shapes, annotations = panel.decorations(SCREEN)
    return figure(
        panel.traces(colours_of(panel.series()), SCREEN),
        int(ROW * (bottom - above)) + 150,
        xaxis=x_axis,
        yaxis=y_axis,
        shapes=shapes,
        annotations=annotations,
        margin={"l": 8, "r": 44, "t": 40, "b": 80},
    )


def forest_panel(board: Board, scope: str, metric: str, top: int = 30) -> Forest | None:
    """Return what the forest plot shows, apart from how it is drawn; None if there is nothing to show.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: One of the metrics.
        top: Number of ranked entries at most; of the upper bounds, a third as many.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    ranked, bounds = ranked_rows(board, scope, metric, top), bound_rows(board, scope, metric, max(top // 3, 1))
    if not ranked and not bounds:
        return None
    people = _people(board, scope, metric)
    title = title_of(metric)
    return Forest(
        title="",
        x_title=f"{title}, {where(scope)}",
        marks=_marks(ranked, bounds, title),
        rows=[
            *(_row(row) for row in ranked),
            *(_row(row, GAP if ranked and not number else 0) for number, row in enumerate(bounds)),
        ],
        references=[
            ReferenceLine(name, estimate.mean, estimate.low, estimate.high) for name, estimate in people.items()
        ],
        side_title="best",
        limits=_limits([*ranked, *bounds], people),
    )


def forest_words(board: Board, scope: str, metric: str) -> str:
    """Return what the forest plot shows, in a sentence or two.

    Raises:
        UnknownNameError: The board has no such scope or metric.
    """
    ranked, standing = ranked_positions(board, scope, metric), board.standing(scope, metric)
    if not ranked:
        return "No complete entry yet."
    (first,) = rows_of(board, scope, metric, ranked[:1])
    same = sum(standing.like_best(position) for position in ranked[1:])
    words = (
        f"By {title_of(metric)} {where(scope)}, {clean(first.entry.name)} is first of {len(ranked)} ranked entries "
        f"with {with_interval(first.mean, first.low, first.high)}; not separable from it (≈): "
        f"{same} of the others."
    )
    people = [
        f"{name} {with_interval(estimate.mean, estimate.low, estimate.high)}"
        for name, estimate in _people(board, scope, metric).items()
    ]
    return words + (f" People: {', '.join(people)}." if people else "")


def _people(board: Board, scope: str, metric: str) -> dict[str, Estimate]:
    if board.people is None or scope not in board.people:
        return {}
    people = board.people[scope]
    both = {CEILING: people.ceiling.get(metric), ANNOTATOR: people.annotator.get(metric)}
    return {
        name: estimate for name, estimate in both.items() if estimate is not None and estimate.mean == estimate.mean
    }


def _row(row: EntryRow, gap: float = 0.0) -> ForestRow:
    model, detail = parts_of(row.entry)
    label = cut(clean(model), MODEL_LENGTH)
    return ForestRow(row.entry.id, label, cut(clean(detail), DETAIL_LENGTH), "≈" if row.like_best else "", gap)


def _marks(ranked: list[EntryRow], bounds: list[EntryRow], title: str) -> list[ForestMark]:
    """Return the marks, by series in the order of the legend."""
    colours_of_bounds = families(row.entry for row in bounds)
    series = {
        (family, False): Series(family, colour) for family, colour in families(row.entry for row in ranked).items()
    }
    for family, colour in colours_of_bounds.items():
        name = "upper bound, no result" if len(colours_of_bounds) == 1 else f"{family}, upper bound, no result"
        series[family, True] = Series(name, colour, hollow=True)
    marks = []
    for (family, bound), line in series.items():
        for row in bounds if bound else ranked:
            if family_of(row.entry) == family:
                text = _hover(row, title)
                marks.append(ForestMark(row.entry.id, line, row.mean, row.low, row.high, hover=text, shift=0))
    for row in (*ranked, *bounds):
        if row.pooled == row.pooled:
            text = f"{clean(row.entry.name)}\npooled {with_interval(row.pooled, row.pooled_low, row.pooled_high)}"
            estimate = (row.pooled, row.pooled_low, row.pooled_high)
            marks.append(ForestMark(row.entry.id, POOLED, *estimate, hover=text, shift=BELOW))
    return marks


def _limits(rows: list[EntryRow], people: dict[str, Estimate]) -> tuple[float, float]:
    numbers = [
        number for row in rows for number in (row.mean, row.low, row.high, row.pooled, row.pooled_low, row.pooled_high)
    ]
    numbers += [number for estimate in people.values() for number in (estimate.mean, estimate.low, estimate.high)]
    finite = [number for number in numbers if number == number]
    pad = 0.04 * (max(finite) - min(finite)) or 0.05
    return min(finite) - pad, max(finite) + pad


def _hover(row: EntryRow, title: str) -> str:
    rank = f"\nrank {row.rank} ({row.rank_low} to {row.rank_high}), {row.best}" if row.rank else ""
    return f"{clean(row.entry.name)}\n{title} {with_interval(row.mean, row.low, row.high)}{rank}"
