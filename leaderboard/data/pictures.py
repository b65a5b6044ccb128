"""The benchmark's own images as small pictures; nothing that was submitted is ever shown as one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tia2.errors import LeaderboardError, Tia2Error

from .memo import Recent
from .records import BenchmarkRecord

if TYPE_CHECKING:
    from PIL import Image

    from tia2.benchmark import Benchmark

SIDE = 320
"""Longest side of a picture, in pixels."""
KEPT = 200
"""How many are kept in memory, at most 0.3 MB each."""

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
        self._kept: Recent[int, Image.Image | None] = Recent(KEPT)

    def of(self, places: Sequence[int]) -> tuple[list[Image.Image | None], str]:
        """Return pictures of some items, and why there is none.

        Args:
            places: The items' positions in the benchmark.

        Returns:
            One picture an item, None for an item without one; and a sentence if no item at all has one, else "".
        """
        benchmark = self._open()
        if benchmark is None:
            return [None] * len(places), self._why
        pictures = []
        for place in map(int, places):

            def make(place: int = place) -> Image.Image | None:
                return _picture(benchmark, place)

            pictures.append(self._kept.get(place, make))
        some = not places or any(picture is not None for picture in pictures)
        why = "" if some else "There are no images of these items here."
        return pictures, why

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


def _picture(benchmark: Benchmark, place: int) -> Image.Image | None:
    from tia2.benchmark.loading import decode

    try:
        content = benchmark.image_bytes(place)
        if content is None:
            return None
        picture = decode(content, str(benchmark.items["item_id"].iloc[place]))
    except Tia2Error as error:
        log.warning("%s", error)
        return None
    picture.thumbnail((SIDE, SIDE))
    return picture
