"""What the board's tables show, as plain data: which rows in which order, and each cell's value and text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tia2.calibration.base import TEXTNORM

from ..data.board import Board, BoardEntry
from ..data.standing import Standing
from .best_of_n import gold_gained
from .formats import NO_VALUE, best_text, difference, figure, interval, share, span
from .sheets import Sheet

SETTINGS = ("cv", "oracle")
"""Chips that say how settings were chosen."""
USUAL = ("ranks", "against_best", "pooled")
VALIDATED = {
    "validated_gain": "validated: gold gained",
    "validated_kl": "validated: KL of peak",
    "validated_drop": "validated: drop",
}
"""Columns of what fine-tuning against an entry did, with their headings."""
BEST_OF_N = "best_of_n"
PEOPLE = {"ceiling": "human votes, noise ceiling", "annotator": "one human annotator"}
PAGE = 50
"""How many entries a page of the table has. A browser is slow to take in a thousand rows at once."""


def column_titles(board: Board) -> dict[str, str]:
    """Return the columns to choose from, with their headings, in the order of the table.

    Args:
        board: The board, whose metrics are among them.
    """
    return {
        "ranks": "ranks",
        "against_best": "against the best",
        "pooled": "pooled",
        **board.metric_titles,
        **VALIDATED,
        BEST_OF_N: "best of n",
        "coverage": "items",
        "licence": "licence",
        "training": "training data",
    }


def sort_titles(board: Board) -> dict[str, str]:
    """Return what the table can be sorted by, as a menu calls it.

    Args:
        board: The board, whose metrics are among them.
    """
    return {
        "rank": "rank",
        "name": "name",
        "pooled": "pooled",
        **board.metric_titles,
        **VALIDATED,
        BEST_OF_N: "best of n: gold gained",
    }


def usual_columns(board: Board) -> list[str]:
    """Return the columns that the table has on a first visit; those of validation where an entry was validated.

    Args:
        board: The board.
    """
    return [*USUAL[:3], *(VALIDATED if board.validated else ()), *USUAL[3:]]


def board_sheets(
    board: Board,
    scope: str,
    metric: str,
    *,
    search: str = "",
    chips: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    sort: str = "rank",
    page: int = 1,
) -> tuple[Sheet, Sheet]:
    """Return a page of the board's table, and the entries that lack values for some items.

    Args:
        board: The board.
        scope: A subset, or `overall`.
        metric: Name of the metric to rank by.
        search: Words that an entry's name, chips, licence, training data, organisation, source or id contain.
        chips: Chips of the entries to show, see `facets`; all entries if empty.
        columns: Names among `column_titles` to show beside rank, entry, chips and metric; `usual_columns` if None.
        sort: Name among `sort_titles`.
        page: Number of the page of `PAGE` entries, from 1; the last page if there are fewer.

    Returns:
        Ranked entries, then upper bounds, a page of them, then people; and apart from these, without ranks, incomplete
        entries.

    Example:
        >>> sheet, partial = board_sheets(board, "overall", "auroc", chips=["cv"])  # doctest: +SKIP
    """
    shown = matching(board, search, chips)
    standing = board.standing(scope, metric)
    order = _order(board, scope, metric, sort, standing)
    ranked = sorted((n for n in shown if board.entries[n].ranked), key=order)
    bounds = sorted((n for n in shown if board.entries[n].complete and board.entries[n].upper_bound), key=order)
    keys = _keys(board, metric, columns)
    listed = [*ranked, *bounds]
    start = PAGE * (min(max(page, 1), pages_of(len(listed))) - 1)
    full = _sheet(board, scope, metric, listed[start : start + PAGE], keys, standing, len(listed))
    for name, title in PEOPLE.items() if board.people else ():
        _add_people(full, board, scope, metric, keys, name, title)
    return full, incomplete_sheet(board, scope, metric, search=search, chips=chips, columns=columns, sort=sort)


def incomplete_sheet(
    board: Board,
    scope: str,
    metric: str,
    *,
    search: str = "",
    chips: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    sort: str = "rank",
) -> Sheet:
    """Return the first entries that lack values for some items, without ranks.

    Args:
        board: The board.
        scope: A subset, or `overall`.
        metric: Name of the metric.
        search: Words that an entry's texts contain, as `matching` takes them.
        chips: Chips of the entries to show; all entries if empty.
        columns: Names among `column_titles` to show beside coverage; `usual_columns` if None.
        sort: Name among `sort_titles`.
    """
    keys = [name for name in _keys(board, metric, columns) if name not in ("ranks", "against_best", "coverage")]
    partial = [number for number in matching(board, search, chips) if not board.entries[number].complete]
    if partial:
        partial.sort(key=_order(board, scope, metric, sort, board.standing(scope, metric)))
    return _sheet(board, scope, metric, partial[:PAGE], ["coverage", *keys], None, len(partial))


def _keys(board: Board, metric: str, columns: Sequence[str] | None) -> list[str]:
    wanted = usual_columns(board) if columns is None else columns
    return [name for name in column_titles(board) if name in wanted and name != metric]


def matching(board: Board, search: str, chips: Sequence[str]) -> list[int]:
    """Return the positions of the entries that a visitor asked for.

    Args:
        board: The board.
        search: Words that an entry's name, chips, licence, training data, organisation, source or id contain.
        chips: Chips of the entries, see `facets`; all entries if empty.
    """
    if not search and not chips:
        return list(range(len(board)))
    exclusive = facets(board)
    return [number for number, entry in enumerate(board.entries) if _fits(entry, chips, search, exclusive)]


def sort_value(board: Board, scope: str, metric: str, name: str, position: int) -> Any:
    """Return what an entry is sorted by; None where it has no value.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: Name of the metric that is shown.
        name: Name among `sort_titles`, or "in:" with a scope.
        position: Position of the entry.
    """
    entry = board.entries[position]
    if name == "name":
        return _plain(entry.name)
    if name in VALIDATED:
        return _validated(board, entry, name)[0]
    if name == BEST_OF_N:
        return _best_of_n(board, position, scope)[0]
    if name.startswith("in:"):
        return _number(board.estimate(name.removeprefix("in:"), metric)[position])
    pooled = name == "pooled"
    return _number(board.estimate(scope, metric if pooled else name, "pooled" if pooled else "mean")[position])


def cell_of(board: Board, position: int, scope: str, metric: str, key: str, standing: Standing) -> str:
    """Return the text of an entry in one of the columns of `column_titles`.

    Args:
        board: The board.
        position: Position of the entry.
        scope: One of the board's scopes.
        metric: Name of the metric that is shown.
        key: Name of the column.
        standing: Ranks by that metric in that scope.
    """
    entry = board.entries[position]
    if key == "pooled":
        return figure(float(board.estimate(scope, metric, "pooled")[position]))
    if key in board.metrics:
        return figure(float(board.estimate(scope, key)[position]))
    if key == BEST_OF_N:
        return _best_of_n(board, position, scope)[1]
    if key in VALIDATED:
        return _validated(board, entry, key)[1]
    return _cell(entry, position, key, standing)[1]


def pages_of(total: int) -> int:
    """Return how many pages entries take; one even if there are none.

    Example:
        >>> pages_of(0), pages_of(PAGE), pages_of(PAGE + 1)
        (1, 1, 2)
    """
    return max(1, -(-total // PAGE))


def all_chips(board: Board) -> list[str]:
    """Return the chips of a board's entries, those of the methods first."""
    chips = {chip for entry in board.entries for chip in entry.chips}
    first = [chip for facet in facets(board) for chip in facet if chip in chips]
    return [*first, *sorted(chips - set(first))]


def facets(board: Board) -> tuple[tuple[str, ...], ...]:
    """Return the chips that exclude one another: those of one facet widen a choice, those of several narrow it.

    Args:
        board: The board.
    """
    bases = {entry.chips[0] for entry in board.entries}
    usual = [chip for chip in ("raw", TEXTNORM) if chip in bases]
    return (*usual, *sorted(bases - set(usual))), SETTINGS


def _fits(entry: BoardEntry, chips: Sequence[str], search: str, exclusive: Sequence[Sequence[str]]) -> bool:
    has, left = set(entry.chips), set(chips)
    for facet in exclusive:
        wanted = left & set(facet)
        if wanted and not wanted & has:
            return False
        left -= wanted
    if not left <= has:
        return False
    words = _plain(search).split()
    return not words or all(word in _text(entry) for word in words)


def _text(entry: BoardEntry) -> str:
    card = entry.listing.card if entry.listing else None
    declared = [card.licence, card.training_data, card.organisation] if card else []
    return _plain("\n".join([entry.name, *entry.chips, entry.source, entry.id, *declared]))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _order(board: Board, scope: str, metric: str, sort: str, standing: Standing) -> Callable[[int], Any]:
    names = [_plain(entry.name) for entry in board.entries]
    if sort == "name":
        return lambda number: names[number]
    if sort in VALIDATED or sort == BEST_OF_N:
        return _order_of_gains(board, scope, sort, names)
    pooled = sort == "pooled"
    by = metric if pooled or sort == "rank" else sort
    key = -np.nan_to_num(board.estimate(scope, by, "pooled" if pooled else "mean"), nan=-np.inf)
    # Entries with the same figure have different ranks; their names must not put them into another order.
    ranks = standing.rank if sort == "rank" else np.zeros(len(names), np.intp)
    return lambda number: (key[number], ranks[number], names[number])


def _order_of_gains(board: Board, scope: str, sort: str, names: Sequence[str]) -> Callable[[int], Any]:
    """Return the order of what optimising against an entry gained, those that nobody optimised last.

    A drop is best when it is small.
    """
    sign = 1 if sort == "validated_drop" else -1
    if sort == BEST_OF_N:
        numbers = [_best_of_n(board, number, scope)[0] for number in range(len(board))]
    else:
        numbers = [_validated(board, entry, sort)[0] for entry in board.entries]
    return lambda number: (numbers[number] is None, sign * (numbers[number] or 0.0), names[number])


def _headers(board: Board, metric: str, keys: Sequence[str], ranked: bool) -> list[str]:
    titles = column_titles(board)
    return [*(["#"] if ranked else []), "entry", "what", titles[metric], *(titles[key] for key in keys)]


def _sheet(
    board: Board,
    scope: str,
    metric: str,
    numbers: Sequence[int],
    keys: Sequence[str],
    standing: Standing | None,
    total: int,
) -> Sheet:
    sheet = Sheet(_headers(board, metric, keys, standing is not None), total=total)
    mean, low, high = (board.estimate(scope, metric, what) for what in ("mean", "low", "high"))
    others = {key: board.estimate(scope, key) for key in keys if key in board.metrics}
    others["pooled"] = board.estimate(scope, metric, "pooled")
    for number in numbers:
        entry = board.entries[number]
        cells: list[tuple[Any, str]] = []
        if standing is not None:
            rank = int(standing.rank[number])
            cells.append((rank, str(rank)) if rank else (None, NO_VALUE))
        cells += [(entry.name, entry.name), _both(" · ".join(entry.chips))]
        cells.append((_number(mean[number]), interval(mean[number], low[number], high[number])))
        for key in keys:
            if key in others:
                cells.append((_number(others[key][number]), figure(others[key][number])))
            elif key == BEST_OF_N:
                cells.append(_best_of_n(board, number, scope))
            elif key in VALIDATED:
                cells.append(_validated(board, entry, key))
            else:
                cells.append(_cell(entry, number, key, standing))
        _append(sheet, entry.id, cells, entry.upper_bound)
    return sheet


def _cell(entry: BoardEntry, number: int, key: str, standing: Standing | None) -> tuple[Any, str]:
    if key == "coverage":
        return entry.coverage, share(entry.coverage)
    if key == "ranks" and standing is not None:
        low = int(standing.low[number])
        return low or None, span(low, int(standing.high[number]))
    if key == "against_best" and standing is not None:
        return _both(best_text(int(standing.rank[number]), float(standing.p_best[number])))
    card = entry.listing.card if entry.listing else None
    return _both("" if card is None else card.licence if key == "licence" else card.training_data)


def _validated(board: Board, entry: BoardEntry, key: str) -> tuple[Any, str]:
    figures = board.validated.get(entry.id)
    if figures is None:
        return None, NO_VALUE
    value = {"validated_gain": figures.gain, "validated_kl": figures.kl, "validated_drop": figures.drop}[key]
    if key == "validated_kl":
        return _number(value), NO_VALUE if math.isnan(value) else f"{value:.1f} nats"
    runs = f"  ({figures.runs} runs)" if figures.runs > 1 else ""
    return _number(value), f"{difference(value)}{runs}"


def _best_of_n(board: Board, number: int, scope: str) -> tuple[Any, str]:
    part = board.best_of_n(number, scope, make=False)
    if part is None or math.isnan(part.peak):
        return None, NO_VALUE
    gain = gold_gained(part)
    where = f"peak {part.peak:.0f}" if part.inside else f"no peak to {part.limit}"
    return _number(gain), f"{difference(gain)}, {where}"


def _add_people(
    sheet: Sheet, board: Board, scope: str, metric: str, keys: Sequence[str], name: str, title: str
) -> None:
    people = board.people[scope] if board.people else None
    estimates = getattr(people, name) if people else {}
    if metric not in estimates:
        return
    focus = estimates[metric]
    cells: list[tuple[Any, str]] = [
        (None, NO_VALUE), (title, title), _both("reference"),
        (_number(focus.mean), interval(focus.mean, focus.low, focus.high)),
    ]  # fmt: skip
    for key in keys:
        value = focus.pooled if key == "pooled" else estimates[key].mean if key in estimates else math.nan
        cells.append((_number(value), figure(value)))
    _append(sheet, "", cells, True)


def _append(sheet: Sheet, name: str, cells: Sequence[tuple[Any, str]], muted: bool) -> None:
    sheet.ids.append(name)
    sheet.values.append([value for value, _ in cells])
    sheet.texts.append([text for _, text in cells])
    sheet.muted.append(muted)


def _both(text: str) -> tuple[str, str]:
    return text, text or NO_VALUE


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
