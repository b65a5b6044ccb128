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
    from tia2.benchmark import Benchmark


class LoadedImage(NamedTuple):
    """An item's image, ready for the model; or what is wrong with it.

    Attributes:
        item: The item's position in the benchmark.
        sha256: SHA-256 hex digest of the image file, empty where there is none.
        prepared: The image as the reward model's `prepare` returned it.
        problem: A sentence that says why there is no image; None where all is well.
    """

    item: int
    sha256: str
    prepared: Any
    problem: str | None = None


class ImageLoader:
    """Loads a benchmark's images in the order asked for; use it in a `with`.

    Args:
        benchmark: The benchmark that holds the images.
        prepare: Turns an RGB image into what the reward model takes; called from several threads at once.
        workers: Number of threads.
        ahead: Largest number of images that are held ready.
        read: Turns a file's bytes, and the item's id for errors, into what `prepare` takes.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        prepare: Callable[[Any], Any],
        *,
        workers: int,
        ahead: int,
        read: Callable[[bytes, str], Any] = decode,
    ) -> None:
        self._benchmark = benchmark
        self._prepare = prepare
        self._ahead = ahead
        self._read = read
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="tia2-images")

    def __enter__(self) -> ImageLoader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def load(self, indices: Iterable[int]) -> Iterator[LoadedImage]:
        """Yield images in the order of the indices; those that are missing or damaged say so in `problem`."""
        waiting: deque[Future[LoadedImage]] = deque()
        for index in indices:
            waiting.append(self._threads.submit(self._load, index))
            if len(waiting) >= self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _load(self, index: int) -> LoadedImage:
        item = self._benchmark.items["item_id"].iloc[index]
        digest = ""
        try:
            content = self._benchmark.image_bytes(index)
            if content is None:
                return LoadedImage(index, digest, None, f"{item} has no image.")
            digest = hashlib.sha256(content).hexdigest()
            image = self._read(content, item)
        except BenchmarkError as error:
            return LoadedImage(index, digest, None, str(error))
        return LoadedImage(index, digest, self._prepare(image))


def image_digests(benchmark: Benchmark, indices: Iterable[int]) -> list[str | None]:
    """Return the SHA-256 hex digest of each image file, None where there is no image."""
    return [_digest(benchmark, index) for index in indices]


def _digest(benchmark: Benchmark, index: int) -> str | None:
    try:
        content = benchmark.image_bytes(index)
    except BenchmarkError:
        return None
    return None if content is None else hashlib.sha256(content).hexdigest()
