"""The benchmark's own images as small pictures; nothing that was submitted is ever shown as one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cachetools import LRUCache

from tia2.errors import LeaderboardError, Tia2Error

from .records import BenchmarkRecord

if TYPE_CHECKING:
    from PIL import Image

    from tia2.benchmark import Benchmark

SIDE = 320
"""Longest side of a picture, in pixels."""
KEPT = 200
"""Pictures kept in memory, at most 0.3 MB each."""

log = logging.getLogger(__name__)


class Pictures:
    """The images of a benchmark, which is loaded when the first is asked for, once.

    Args:
        record: The benchmark.
    """

    def __init__(self, record: BenchmarkRecord) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._loaded = False
        self._benchmark: Benchmark | None = None
        self._why = ""
        self._kept: LRUCache[int, Image.Image | None] = LRUCache(KEPT)
        self._kept_lock = threading.Lock()

    def of(self, positions: Sequence[int]) -> tuple[list[Image.Image | None], str]:
        """Return pictures of some items, and why there is none.

        Args:
            positions: The items' positions in the benchmark.

        Returns:
            One picture per item, None for an item without one; and a sentence if no item at all has one, else "".
        """
        benchmark = self._open()
        if benchmark is None:
            return [None] * len(positions), self._why
        pictures = [self._picture(benchmark, int(position)) for position in positions]
        some = not pictures or any(picture is not None for picture in pictures)
        why = "" if some else "There are no images of these items here."
        return pictures, why

    def _picture(self, benchmark: Benchmark, position: int) -> Image.Image | None:
        with self._kept_lock:
            if position in self._kept:
                return self._kept[position]
        picture = _small(benchmark, position)
        with self._kept_lock:
            return self._kept.setdefault(position, picture)

    def _open(self) -> Benchmark | None:
        with self._lock:
            if not self._loaded:
                self._loaded = True
                try:
                    self._benchmark = _load(self._record)
                except Tia2Error as error:
                    self._why = "This leaderboard has no images of the benchmark."
                    log.warning("No images of %s: %s", self._record.name, error)
            return self._benchmark


def _load(record: BenchmarkRecord) -> Benchmark:
    from tia2.benchmark import load

    if record.images is None:
        raise LeaderboardError("its record names none.")
    benchmark = load(record.images)
    if benchmark.fingerprint != record.fingerprint:
        raise LeaderboardError(f"{record.images} holds other items than the board's benchmark.")
    return benchmark


def _small(benchmark: Benchmark, position: int) -> Image.Image | None:
    from tia2.benchmark.loading import decode

    try:
        content = benchmark.image_bytes(position)
        if content is None:
            return None
        picture = decode(content, str(benchmark.items["item_id"].iloc[position]))
    except Tia2Error as error:
        log.warning("%s", error)
        return None
    picture.thumbnail((SIDE, SIDE))
    return picture
