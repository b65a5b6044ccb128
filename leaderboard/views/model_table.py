"""The board's own table as data: one row per model, its entries folded under it, intervals drawn in the row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np

from tia2.evaluation.summary import ANNOTATOR, CEILING

from ..data.board import Board
from ..data.standing import Standing
from .board_table import PAGE, VALIDATED, cell_of, column_titles, columns_beside, matching, pages_of, sort_value
from .doors import items_door
from .formats import NO_VALUE, best_text, brackets, count_of_weights, figure, span

CHANCE = {"auroc": 0.5, "spearman": 0.0, "kendall": 0.0, "pair_accuracy": 0.5, "pair_agreement": 0.5}
"""Value of a metric for a scorer that guesses, where it is the same on every prompt."""
IN_VIEW = 12
"""Rows of a page that are drawn at once: as many as a window shows. The others come right after them."""
UP = "-"
"""Before the name of an order: worst first."""


@dataclass(frozen=True)
class ModelEntries:
    """A model's entries that are shown.

    Attributes:
        main: Position of the one that stands for it: its best with a rank, else its first.
        others: Positions of the others: by rank, then upper bounds.
    """

    main: int
    others: tuple[int, ...]


def model_entries(
    board: Board, scope: str, metric: str, *, search: str = "", chips: Sequence[str] = (), sort: str = "rank"
) -> list[ModelEntries]:
    """Return the models whose entries match, in the order asked for.

    Args:
        board: The board.
        scope: One of its scopes.
        metric: Name of a metric.
        search: Words that an entry's texts contain.
        chips: Chips of the entries to show; all if empty.
        sort: Name of an order, with `UP` before it for worst first; models without a value come last either way.
    """
    means = np.nan_to_num(board.estimate(scope, metric), nan=-np.inf)
    ranks = board.standing(scope, metric).rank
    models: dict[str, list[int]] = {}
    for position in matching(board, search, chips):
        if board.entries[position].complete:
            models.setdefault(board.entries[position].model, []).append(position)
    rows = []
    for positions in models.values():
        positions.sort(key=lambda position: (not ranks[position], ranks[position], -means[position]))
        rows.append(ModelEntries(positions[0], tuple(positions[1:])))
    # Models with the same figure have different ranks; their names must not put them into another order.
    rank = board.standing(scope, metric).model_rank
    rows.sort(key=lambda row: (not rank[row.main], rank[row.main], -means[row.main], board.entries[row.main].name))
    upwards, name = sort.startswith(UP), sort.removeprefix(UP)
    if name == "rank":
        return _bounds_last(board, rows[::-1] if upwards else rows)
    # What optimising against a model did may be known of another of its entries than the one that stands for it.
    several = name in VALIDATED
    values: dict[int, Any] = {}
    for row in rows:
        looked_at = (row.main, *row.others) if several else (row.main,)
        candidates = (sort_value(board, scope, metric, name, position) for position in looked_at)
        values[row.main] = next((value for value in candidates if value is not None), None)
    with_value = [row for row in rows if values[row.main] is not None]
    # Texts and losses begin with the least, figures with the best.
    least_first = name in ("name", "validated_drop")
    with_value.sort(key=lambda row: values[row.main], reverse=least_first == upwards)
    return _bounds_last(board, [*with_value, *(row for row in rows if values[row.main] is None)])


def _bounds_last(board: Board, rows: Sequence[ModelEntries]) -> list[ModelEntries]:
    return sorted(rows, key=lambda row: board.entries[row.main].upper_bound)


def model_table(
    board: Board,
    scope: str,
    metric: str,
    query: Mapping[str, str],
    *,
    search: str = "",
    chips: Sequence[str] = (),
    columns: Sequence[str] = (),
    sort: str = "rank",
    page: int = 1,
    unfold: str = "",
) -> dict[str, Any]:
    """Return what the template of the table shows.

    The entries under a model's own row are left out where they are folded: they are three quarters of the page.

    Args:
        board: The board.
        scope: Scope to rank in.
        metric: Name of the metric.
        query: Parameters of the page's address, which links change.
        search: Words that an entry's texts contain.
        chips: Chips of the entries to show; all if empty.
        columns: Names among `column_titles` to show.
        sort: Name of an order, see `model_entries`.
        page: Number of the page, from 1; the last if there are fewer.
        unfold: Name of a model of that page, to get its row alone, unfolded; the whole page if empty.

    Returns:
        `rows`, how many are drawn `at_once`, `head`, `people`, `total`, `axis`, `lines` and `empty`, as `board.html`
        takes them.
    """
    rows = model_entries(board, scope, metric, search=search, chips=chips, sort=sort)
    start = PAGE * (min(max(page, 1), pages_of(len(rows))) - 1)
    shown = rows[start : start + PAGE]
    scopes = [scope, *(name for name in board.scopes if name != scope)]
    standing = board.standing(scope, metric)
    keys = columns_beside(board, metric, columns)
    people = {name: _people(board, name, metric) for name in scopes}
    painter = _Painter(board, metric, scope, people[scope], shown, query)
    painted = [row for row in shown if unfold in ("", board.entries[row.main].model)]
    opened = bool(unfold) or sort.removeprefix(UP) in VALIDATED
    painter.look_up(position for row in painted for position in (row.main, *(row.others if opened else ())))
    return {
        "rows": [painter.row(row, standing, scopes, keys, opened) for row in painted],
        "head": _head(board, scope, scopes, keys, sort, query),
        "people": [
            {
                "name": name,
                "figures": [figure(people[part].get(key, math.nan)) for part in scopes],
                "bar": painter.bar(people[scope].get(key, math.nan), math.nan, math.nan),
                "rest": [""] * (len(keys) + 1),
            }
            for name, key in (("noise ceiling", CEILING), ("one human annotator", ANNOTATOR))
            if board.people is not None
        ],
        "at_once": IN_VIEW,
        "axis": painter.axis_words,
        "lines": painter.lines,
        "total": len(rows),
        "empty": "No model matches." if not rows and (search or chips) else "No model yet." if not rows else "",
    }


def _people(board: Board, scope: str, metric: str) -> dict[str, float]:
    if board.people is None or scope not in board.people:
        return {}
    people = board.people[scope]
    both = {CEILING: people.ceiling, ANNOTATOR: people.annotator}
    return {name: estimates[metric].mean for name, estimates in both.items() if metric in estimates}


def _head(
    board: Board, scope: str, scopes: Sequence[str], keys: Sequence[str], sort: str, query: Mapping[str, str]
) -> list[dict[str, str]]:
    titles = column_titles(board)
    columns = [(f"in:{name}" if name != scope else "rank", name) for name in scopes]
    columns += [("", "against the best"), *((key, titles[key]) for key in keys)]
    upwards, name = sort.startswith(UP), sort.removeprefix(UP)
    head = []
    for key, title in [("name", "model"), *columns]:
        sorts = key in SORTABLE or key.startswith("in:") or key in board.metrics
        now = sorts and key == name
        wanted = f"{UP}{key}" if now and not upwards else key
        link = urlencode({**query, "sort": wanted}) if sorts else ""
        order = ("descending" if upwards == (key == "name") else "ascending") if now else ""
        head.append({"title": title, "link": f"?{link}" if link else "", "order": order})
    return head


SORTABLE = frozenset(("name", "rank", "pooled", "best_of_n", "validated_gain", "validated_kl", "validated_drop"))


class _Painter:
    """Makes rows, with bars on one axis for all of them."""

    def __init__(
        self,
        board: Board,
        metric: str,
        scope: str,
        people: Mapping[str, float],
        shown: Sequence[ModelEntries],
        query: Mapping[str, str],
    ) -> None:
        self._board, self._metric, self._scope, self._query = board, metric, scope, query
        self._estimates = {
            name: {what: board.estimate(name, metric, what) for what in ("mean", "low", "high")}
            for name in board.scopes
        }
        here = self._estimates[scope]
        ends = [float(here[what][row.main]) for what in ("mean", "low", "high") for row in shown]
        finite = [end for end in (*ends, *people.values()) if not math.isnan(end)] or [0.0, 1.0]
        pad = 0.03 * (max(finite) - min(finite)) or 0.02
        self._left, self._right = min(finite) - pad, max(finite) + pad
        self.axis_words = (figure(self._left), figure(self._right))
        self.lines = {name: self._share(value) for name, value in people.items() if not math.isnan(value)}
        self._base = CHANCE.get(metric, min(finite))
        self._top = people.get(CEILING, max(finite))
        self._worst: dict[str, dict[int, str]] = {}

    def look_up(self, positions: Iterable[int]) -> None:
        """Look up what the rows of these entries lead to, for all of them at once."""
        looked_up = list(positions)
        self._worst = {name: _worst_prompts(self._board, looked_up, name, self._metric) for name in self._board.scopes}

    def row(
        self, row: ModelEntries, standing: Standing, scopes: Sequence[str], keys: Sequence[str], opened: bool
    ) -> dict[str, Any]:
        """Return a model's row, with those of its other entries if it is opened."""
        main = self._entry(row.main, standing, scopes, keys)
        entry = self._board.entries[row.main]
        rank, card = int(standing.model_rank[row.main]), entry.listing.card if entry.listing else None
        size = count_of_weights(card.parameters) if card and card.parameters else ""
        declared = (
            [card.organisation, size, card.licence, entry.listing.added[:10]]
            if card and entry.listing
            else ["as published"]
        )
        addresses = {"paper": card.paper, "code": card.code, "weights": card.weights} if card else {}
        return {
            **main,
            "rank": str(rank) if rank else NO_VALUE,
            "ranks": span(int(standing.model_low[row.main]), int(standing.model_high[row.main])),
            "title": card.name if card else entry.name,
            "mark": entry.calibration.mark if card and entry.calibration else "",
            "facts": [fact for fact in declared if fact],
            "links": [(name, address) for name, address in addresses.items() if address],
            "model": entry.model,
            "others": len(row.others),
            "open": opened,
            "unfolded": [self._entry(position, standing, scopes, keys) for position in row.others] if opened else [],
        }

    def bar(self, mean: float, low: float, high: float) -> dict[str, str] | None:
        """Return where a figure and the ends of its interval lie, in percent of the axis."""
        if math.isnan(mean):
            return None
        ends = (mean, mean) if math.isnan(low) else (low, high)
        words = f"{figure(mean)} {brackets(low, high)}".strip()
        return {"mean": self._share(mean), "low": self._share(ends[0]), "high": self._share(ends[1]), "words": words}

    def _share(self, value: float) -> str:
        return f"{100 * (value - self._left) / (self._right - self._left):.1f}%"

    def _entry(self, position: int, standing: Standing, scopes: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
        entry, here = self._board.entries[position], self._estimates[self._scope]
        return {
            "id": entry.id,
            "name": entry.name,
            "label": (entry.calibration.mark if entry.listing and entry.calibration else "") or "raw",
            "bound": entry.upper_bound,
            "best": best_text(int(standing.rank[position]), float(standing.p_best[position])),
            "detail": f"?{urlencode({**self._query, 'entry': entry.id})}#tia2-detail",
            "bar": self.bar(*(float(here[what][position]) for what in ("mean", "low", "high"))),
            "figures": [self._figure(position, scope) for scope in scopes],
            "rest": [cell_of(self._board, position, self._scope, self._metric, key)[1] for key in keys],
        }

    def _figure(self, position: int, scope: str) -> dict[str, str]:
        mean, low, high = (float(self._estimates[scope][what][position]) for what in ("mean", "low", "high"))
        share = 0.0 if math.isnan(mean) else (mean - self._base) / ((self._top - self._base) or 1)
        return {
            "text": figure(mean),
            "interval": brackets(low, high),
            "tint": f"{min(max(share, 0.0), 1.0):.2f}",
            "link": self._door(position, scope),
        }

    def _door(self, position: int, scope: str) -> str:
        """Return the address of the prompt on which an entry does worst, its items most at odds with people first."""
        prompt = self._worst[scope].get(position)
        return items_door(self._board, prompt, self._board.entries[position].id) if prompt else ""


def _worst_prompts(board: Board, positions: Sequence[int], scope: str, metric: str) -> dict[int, str]:
    """Return the prompt on which each entry does worst, by its position; nothing of entries without figures."""
    rows = np.flatnonzero(board.rows(scope))
    if not len(rows) or not positions:
        return {}
    figures = board.figures[np.array(positions)[:, None], rows, board.metrics.index(metric)]
    lacking = np.isnan(figures)
    worst = rows[np.where(lacking, np.inf, figures).argmin(axis=1)]
    prompts = board.prompts["prompt_id"].iloc[worst].tolist()
    return {
        position: prompt
        for position, prompt, empty in zip(positions, prompts, lacking.all(axis=1).tolist(), strict=True)
        if not empty
    }
