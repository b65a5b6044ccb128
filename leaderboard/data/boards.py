"""The boards that a running app shows: refreshed when the store changes, one rebuild at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

from cachetools import LRUCache

from tia2.errors import LeaderboardError, Tia2Error

from .board import Board
from .board_runs import load_runs, warn_of_summaries
from .index import Index
from .pictures import Pictures
from .store import Store

if TYPE_CHECKING:
    from tia2.progress import Progress

    from .records import BenchmarkRecord

QUIET = 2.0
"""Seconds without a visitor's question after which something is computed ahead."""
ALBUMS = 8
"""Benchmarks whose images stay open."""

log = logging.getLogger(__name__)


class Live:
    """The boards of a store, one per benchmark.

    Visitors see the last complete board while a new one is made.

    Args:
        store: The store.
        patience: Seconds between two looks at whether the store has changed.
        progress: Called while the boards are loaded for the first time.
        index: The files derived from the store; the store's own if None.

    Raises:
        LeaderboardError: The store has no benchmark.
        Tia2Error: It is damaged.
    """

    def __init__(
        self,
        store: Store,
        patience: float = 2.0,
        progress: Progress | None = None,
        index: Index | None = None,
    ) -> None:
        self.store = store
        self._index = index or Index(store)
        self._patience = patience
        self._albums: LRUCache[tuple[str, str, str | None], Pictures] = LRUCache(ALBUMS)
        self._albums_lock = threading.Lock()
        self._building = threading.Lock()
        self._looked = self._asked = time.monotonic()
        self._stamp = store.stamp()
        warn_of_summaries(store)
        self._boards = self._load(progress)

    @property
    def boards(self) -> Mapping[str, Board]:
        """The boards by benchmark; a change of the store is taken up in the background."""
        self._asked = time.monotonic()
        if self._asked - self._looked > self._patience:
            self._looked = self._asked
            if self.store.stamp() != self._stamp:
                threading.Thread(target=self.refresh, daemon=True).start()
        return self._boards

    def board(self, name: str | None = None) -> Board:
        """Return one board; if there is none of this name, the one with most entries, real votes before simulated."""
        boards = self.boards
        if name is not None and name in boards:
            return boards[name]
        return max(boards.values(), key=lambda board: (not board.benchmark.simulated, len(board)))

    def pictures(self, benchmark: BenchmarkRecord) -> Pictures:
        """Return a benchmark's images, which stay open when its board is made again."""
        key = benchmark.name, benchmark.fingerprint, benchmark.images
        with self._albums_lock:
            if key not in self._albums:
                self._albums[key] = Pictures(benchmark)
            return self._albums[key]

    def refresh(self) -> None:
        """Take up what has changed in the store; returns at once if another thread does that already."""
        if not self._building.acquire(blocking=False):
            return
        try:
            stamp = self.store.stamp()
            if stamp != self._stamp:
                self._boards, self._stamp = self._load(None), stamp
                self.prepare()
        except Tia2Error as error:
            log.warning("The board stays as it was: %s", error)
        finally:
            self._building.release()

    def _load(self, progress: Progress | None) -> dict[str, Board]:
        runs = load_runs(self.store, self._index.folder)
        boards = {
            record.name: Board.load(self.store, record.name, index=self._index, progress=progress, runs=runs)
            for record in self.store.benchmarks
        }
        if not boards:
            raise LeaderboardError(
                f"{self.store.folder} has no benchmark yet. `tia2 leaderboard init` makes a store with one."
            )
        return boards

    def prepare(self, first: Callable[[], None] | None = None) -> None:
        """Compute in the background what visitors would otherwise wait for, while none of them is waiting.

        Args:
            first: Called there before anything else.
        """
        boards = list(self._boards.values())
        threading.Thread(target=_prepare, args=(boards, first, self._wait_for_quiet), daemon=True).start()

    def _wait_for_quiet(self) -> None:
        """Wait until no visitor has asked for anything for a while: what is computed for later would slow them down."""
        while (left := self._asked + QUIET - time.monotonic()) > 0:
            time.sleep(left)


def _prepare(boards: Sequence[Board], first: Callable[[], None] | None, wait: Callable[[], None]) -> None:
    """Rank by every metric in every scope, so that nobody who asks for one of them first has to wait.

    Then complete an index of an earlier version, which lacks what choosing the best of n by an entry gains.
    """
    if first is not None:
        wait()
        first()
    try:
        for board in boards:
            for scope, metric in product(board.scopes, board.metrics):
                wait()
                board.standing(scope, metric)
    except Tia2Error as error:  # those who ask will see it
        log.warning("Ranks are computed when they're asked for: %s", error)
    for board in boards:
        for position in range(len(board)):
            wait()
            _complete(board, position)


def _complete(board: Board, position: int) -> None:
    try:
        board.best_of_n(position, board.usual_scope)
    except Tia2Error as error:  # a table that was removed since its entry was indexed
        log.warning("Best of n by %s isn't known: %s", board.entries[position].name, error)
