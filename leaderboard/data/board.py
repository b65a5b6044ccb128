"""A board: all entries on one benchmark, with what is needed to rank, compare and draw them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from tia2.benchmark.fingerprints import difference
from tia2.errors import LeaderboardError, Tia2Error, unknown_name
from tia2.evaluation.comparing.simultaneous import Stratum
from tia2.evaluation.metrics.pair_metrics import metric_among
from tia2.evaluation.summary import OVERALL
from tia2.files import without_folders

from ..finetuned.best_of_n import BestOfNPart, best_of_n_part
from ..finetuned.identity import EntryIdentity
from .board_entries import BoardEntry as BoardEntry
from .board_entries import board_entry, published_entry
from .board_runs import KeptRun, ValidatedFigures, board_runs, load_runs, validated_figures
from .index import Index
from .records import BenchmarkRecord
from .standing import Standing, p_worse, standing_of
from .summaries import COUNTS, ESTIMATES, Outline, Summary

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation import Comparison, Result
    from tia2.progress import Progress

    from .store import Store

Floats = NDArray[np.float64]
Value = TypeVar("Value")
REMEMBERED = 256
"""Values of one kind that a board remembers."""
log = logging.getLogger(__name__)


class Board:
    """All entries on one benchmark.

    Attributes:
        benchmark: The benchmark's record.
        entries: The rows, in no particular order.
        positions: Position of an entry in `entries` and in the arrays, by its id.
        scopes: Subsets, then `overall` where there are several.
        prompts: One row per prompt: subset, prompt_id, prompt, items, aligned, used.
        people: Agreement of people, by scope; None without votes.
        metric_titles: Titles of the metrics that were in force when the board was loaded, by name.
        metrics: Their names.
        estimates: (entries, scopes, metrics, 6), in the order of `ESTIMATES`.
        counts: (entries, scopes, 7), in the order of `COUNTS`.
        figures: (entries, prompts, metrics).
        problems: Listings that could not be evaluated, with the reason.
        runs: The validated fine-tuning runs, on this board's entries and on others.
        run_problems: Runs that can't be shown as validated, with the reason.
        validated: Figures of the entries that were validated, by their ids.

    Example:
        >>> board = Board.load(Store("runs/leaderboard"), "mini")  # doctest: +SKIP
        >>> board.standing("overall", "auroc").rank  # doctest: +SKIP
    """

    def __init__(
        self,
        index: Index,
        benchmark: BenchmarkRecord,
        outline: Outline,
        rows: Sequence[tuple[BoardEntry, Summary]],
        problems: dict[str, str],
        runs: Sequence[KeptRun] = (),
    ) -> None:
        self.index = index
        self.benchmark = benchmark
        self.entries = tuple(entry for entry, _ in rows)
        self.scopes = outline.scopes
        self.prompts = outline.prompts
        self.people = outline.people
        self.problems = problems
        self.runs, self.run_problems = board_runs(runs, self._identities() if runs else {})
        self.validated: dict[str, ValidatedFigures] = validated_figures(self.runs)
        self._remembered: dict[str, LRUCache[Hashable, Any]] = {}
        self._best_of_n: dict[str, dict[str, NDArray[Any]]] = {}
        self._lock = threading.Lock()
        self.positions = {entry.id: number for number, entry in enumerate(self.entries)}
        summaries = [summary for _, summary in rows]
        self.metric_titles = {name: metric.title for name, metric in benchmark.metrics.items()}
        self.metrics = tuple(self.metric_titles)
        scopes, metrics = len(self.scopes), len(self.metrics)
        self.estimates = _stack([summary.estimates for summary in summaries], (scopes, metrics, len(ESTIMATES)))
        self.counts = _stack([summary.counts for summary in summaries], (scopes, len(COUNTS)))
        self.figures = _stack([summary.figures for summary in summaries], (len(self.prompts), metrics))

    @classmethod
    def load(
        cls,
        store: Store,
        benchmark: str,
        *,
        index: Index | None = None,
        progress: Progress | None = None,
        runs: Sequence[KeptRun] | None = None,
    ) -> Board:
        """Evaluate what isn't in the index yet, and return the board.

        Args:
            store: The store.
            benchmark: Name of one of its benchmarks.
            index: The store's own if None.
            progress: Called with the name of the next entry, how many are done, and how many there are.
            runs: The store's fine-tuning runs; read from it if None.

        Raises:
            UnknownNameError: The store has no such benchmark.
        """
        index = index or Index(store)
        record = store.benchmark(benchmark)
        outline = index.outline(record)
        jobs = [
            (listing, calibration)
            for listing in store.listings
            if listing.benchmark == benchmark
            for calibration in listing.calibrations
        ]
        makers: list[tuple[str, Callable[[Summary], BoardEntry]]] = []
        problems: dict[str, str] = {}
        for number, (listing, calibration) in enumerate(jobs):
            if progress is not None:
                progress(listing.card.name, number, len(jobs))
            key = index.entry_key(record, listing, calibration)
            try:
                if not index.has(key):
                    index.build(record, outline, listing, calibration)
            except Tia2Error as error:
                problems[listing.entry_id(calibration)] = without_folders(str(error), store.folder)
                log.warning("%s can't be shown: %s", listing.entry_id(calibration), error)
                continue
            makers.append((key, partial(board_entry, record, listing, calibration, key)))
        for name, path in store.published.items():
            from tia2.evaluation import Result

            result = Result.load(path)
            if difference(result.benchmark, record):
                continue
            key = index.published_key(record, path)
            if not index.has(key):
                index.build_published(record, outline, path)
            makers.append((key, partial(_published, published_entry(name, key, result))))
        if progress is not None:
            progress("", len(jobs), len(jobs))
        summaries = index.summaries(record, [key for key, _ in makers])
        rows = [(entry_of(summary), summary) for (_, entry_of), summary in zip(makers, summaries, strict=True)]
        kept = load_runs(store, index.folder) if runs is None else runs
        return cls(index, record, outline, rows, problems, kept)

    def __len__(self) -> int:
        return len(self.entries)

    def entry(self, name: str) -> BoardEntry:
        """Return an entry by its id.

        Raises:
            UnknownNameError: There is none of this id.
        """
        if name not in self.positions:
            raise unknown_name("entry", name, sorted(self.positions))
        return self.entries[self.positions[name]]

    def check(self, scope: str, metric: str) -> None:
        """Refuse a scope or metric that the board doesn't have.

        Raises:
            UnknownNameError: It doesn't.
        """
        if scope not in self.scopes:
            raise unknown_name("subset", scope, self.scopes)
        if metric not in self.metrics:
            raise unknown_name("metric", metric, self.metrics)

    def estimate(self, scope: str, metric: str, what: str = "mean") -> Floats:
        """Return one number per entry: mean, low, high, pooled, pooled_low or pooled_high; NaN where unknown.

        Raises:
            UnknownNameError: The board has no such scope or metric.
        """
        self.check(scope, metric)
        row, number = self.scopes.index(scope), self.metrics.index(metric)
        column: Floats = self.estimates[:, row, number, ESTIMATES.index(what)]
        return column

    @property
    def usual_scope(self) -> str:
        """The scope that is shown first: all subsets together, or the only one."""
        return OVERALL if OVERALL in self.scopes else self.scopes[0]

    @property
    def usual_metric(self) -> str:
        """The metric that is shown first: AUROC, or on a benchmark of pairs their accuracy."""
        return self.metrics[0]

    def metric_called(self, name: str) -> str:
        """Return the name of the board's metric that a name stands for: of pairs, "auroc" stands for their accuracy."""
        return metric_among(name, self.metrics)

    @cached_property
    def ranked(self) -> NDArray[np.intp]:
        """Positions of the entries that have a rank."""
        return np.array([number for number, entry in enumerate(self.entries) if entry.ranked], np.intp)

    def rows(self, scope: str, metric: str | None = None) -> NDArray[np.bool_]:
        """Return which prompts count in a scope: those whose labels differ. Read-only.

        Of pairs, those with a pair that people don't tie; for metrics on which ties count, all.

        Args:
            scope: One of the board's scopes.
            metric: Name of the metric; None for the usual one.
        """
        every = self.benchmark.judged == "pairs" and metric not in (None, self.usual_metric)
        return self.remember("prompts that count", (scope, every), lambda: self._rows(scope, every))

    def _rows(self, scope: str, every: bool) -> NDArray[np.bool_]:
        used = self.prompts["used"].to_numpy(np.bool_, copy=True) | every
        if not (scope == OVERALL and OVERALL in self.scopes):
            used &= (self.prompts["subset"] == scope).to_numpy(np.bool_)
        used.flags.writeable = False
        return used

    def __copy__(self) -> Board:
        """Return a board of the same content, which remembers nothing yet: who copies one means to change it."""
        board = object.__new__(type(self))
        board.__dict__.update(self.__dict__, _remembered={}, _lock=threading.Lock())
        return board

    def remember(self, kind: str, key: Hashable, make: Callable[[], Value], size: int = REMEMBERED) -> Value:
        """Return what was computed of this board before, or compute it; shared by all visitors.

        The values that were asked for longest ago are forgotten first, and all of them with the board.

        Args:
            kind: Kind of value; each has its own keys and its own size.
            key: Everything about this board that the value depends on.
            make: Computes the value. Two visitors who ask at the same time may both compute it.
            size: Values of this kind to remember; the first call decides.

        Returns:
            The value, the same object for everybody: don't change it.

        Example:
            >>> board.remember("prompts", "counting", lambda: count(board, "counting"))  # doctest: +SKIP
        """
        with self._lock:
            cache = self._remembered.setdefault(kind, LRUCache(size))
            if key in cache:
                remembered: Value = cache[key]
                return remembered
        value = make()
        with self._lock:
            shared: Value = cache.setdefault(key, value)
        return shared

    def standing(self, scope: str, metric: str) -> Standing:
        """Return ranks, rank intervals and who is worse than the best; kept in the index. Read-only.

        Raises:
            UnknownNameError: The board has no such scope or metric.
        """
        self.check(scope, metric)
        return self.remember("standing", (scope, metric), lambda: standing_of(self, scope, metric))

    def p_worse(self, better: str, worse: str, scope: str, metric: str) -> float:
        """Return the p-value of a difference, corrected for the models that rank below the better entry.

        Args:
            better: Id of the entry with the higher mean.
            worse: Id of another entry.
            scope: One of the board's scopes.
            metric: Name of the metric.

        Raises:
            UnknownNameError: The board has no such entry, scope or metric.
            LeaderboardError: One of the entries isn't complete.
        """
        self.check(scope, metric)
        for name in (better, worse):
            self._check_complete(name)
        positions = self.positions[better], self.positions[worse]
        return p_worse(self, *positions, scope, metric)

    def strata(self, positions: Sequence[int] | NDArray[np.intp], scope: str, metric: str) -> list[Stratum]:
        """Return the figures of entries on the subsets of a scope, on the prompts that count.

        Args:
            positions: Positions of the entries.
            scope: One of the board's scopes.
            metric: Name of the metric.
        """
        subsets = [subset for subset in self.scopes if subset != OVERALL] if scope == OVERALL else [scope]
        figures = self.figures[positions][:, :, self.metrics.index(metric)]
        rows = {subset: self.rows(subset, metric) for subset in subsets}
        return [Stratum(subset, figures[:, rows[subset]]) for subset in subsets if rows[subset].any()]

    def result(self, name: str) -> Result:
        """Return an entry's result, as `tia2.evaluate` gave it."""
        return self.index.result(self.entry(name).key)

    def values(self, name: str) -> Floats | None:
        """Return an entry's values, one an item of the benchmark; None for published results."""
        return self.index.values(self.entry(name).key)

    def compare(self, a: str, b: str, metric: str = "auroc") -> Comparison:
        """Compare two entries, paired, prompt by prompt.

        Raises:
            LeaderboardError: They are one and the same, or one isn't complete.
        """
        from tia2.evaluation import compare

        for name in (a, b):
            self._check_complete(name)
        if a == b:
            raise LeaderboardError("Choose two different entries to compare.")
        return compare(self.result(a), self.result(b), metric)

    def _check_complete(self, name: str) -> None:
        if not self.entry(name).complete:
            raise LeaderboardError(f"{self.entry(name).name} has no value for some items, so it isn't compared.")

    def best_of_n(self, position: int, scope: str, make: bool = True) -> BestOfNPart | None:
        """Return people's mean score of the best of n by an entry; None where it isn't known.

        Args:
            position: Position of the entry.
            scope: One of the board's scopes.
            make: Whether to compute it where the index of an earlier version doesn't have it.
        """
        entry = self.entries[position]
        if entry.listing is None or entry.calibration is None:
            return None
        arrays = self._best_of_n.get(entry.key)
        if arrays is None:
            arrays = self.index.best_of_n(self.benchmark, self.scopes, entry.listing, entry.calibration, make)
        if arrays is not None:
            self._best_of_n[entry.key] = arrays
        return None if arrays is None else best_of_n_part(arrays, self.scopes.index(scope))

    def _identities(self) -> dict[EntryIdentity, str]:
        """Return the ids of the entries that score tables stand behind, by what makes them the same."""
        return {
            EntryIdentity.of(map(self.index.fingerprint, entry.listing.tables), entry.calibration): entry.id
            for entry in reversed(self.entries)
            if entry.listing is not None and entry.calibration is not None
        }

    @cached_property
    def items(self) -> pd.DataFrame:
        """The benchmark's items: item_id, subset, prompt_id, prompt, votes, human_score, label, texts."""
        return self.index.items(self.benchmark)


def _stack(arrays: list[Floats], shape: tuple[int, ...]) -> Floats:
    return np.stack(arrays) if arrays else np.zeros((0, *shape))


def _published(entry: BoardEntry, _: Summary) -> BoardEntry:
    return entry
