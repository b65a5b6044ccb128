"""Images read, decoded and prepared by several threads, ahead of the model."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from tia2.benchmark.loading import decode
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    from PIL import Image

    from tia2.benchmark import Benchmark


class Loaded(NamedTuple):
    """An item's image, ready for the model."""

    item: int
    sha256: str
    prepared: Any


class ImageLoader:
    """Loads a benchmark's images in the order asked for; use it in a `with`.

    Args:
        benchmark: Where the images are.
        prepare: What to do with each RGB image; called from several threads at once.
        workers: How many threads.
        ahead: How many images to hold ready at most.
    """

    def __init__(
        self, benchmark: Benchmark, prepare: Callable[[Image.Image], Any], *, workers: int, ahead: int
    ) -> None:
        self._benchmark = benchmark
        self._prepare = prepare
        self._ahead = ahead
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="tia2-images")

    def __enter__(self) -> ImageLoader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def load(self, indices: Iterable[int]) -> Iterator[Loaded]:
        """Yield images in the order of the indices.

        Raises:
            BenchmarkError: One is missing or damaged.
        """
        waiting: deque[Future[Loaded]] = deque()
        for index in indices:
            waiting.append(self._threads.submit(self._load, index))
            if len(waiting) >= self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _load(self, index: int) -> Loaded:
        content = self._benchmark.image_bytes(index)
        item = self._benchmark.items["item_id"].iloc[index]
        if content is None:
            raise BenchmarkError(f"{item} has no image.")
        return Loaded(index, hashlib.sha256(content).hexdigest(), self._prepare(decode(content, item)))


def image_digests(benchmark: Benchmark, indices: Iterable[int]) -> list[str | None]:
    """Return the SHA-256 hex digest of each image file, None where there is no image."""
    contents = (benchmark.image_bytes(index) for index in indices)
    return [None if content is None else hashlib.sha256(content).hexdigest() for content in contents]
