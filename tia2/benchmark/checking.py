"""Look at every image of a benchmark: what is missing, damaged, of odd size, or left over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from tia2.benchmark.configs import SUBSETS, subsets_of
from tia2.benchmark.loading import load
from tia2.benchmark.upstream import sources
from tia2.benchmark.upstream.annotations import read_subset
from tia2.benchmark.upstream.image_files import ImageReader, find_images
from tia2.benchmark.upstream.layout import resolve_data_dir
from tia2.decoding import read_picture, rgb_of
from tia2.devices import cpu_count
from tia2.errors import BenchmarkError, ImageFileError
from tia2.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from tia2.benchmark.loading import Benchmark

_BATCH = 64


@dataclass
class SubsetCheck:
    """The state of one subset's images.

    Attributes:
        subset: The subset's name.
        items: Items, each of which needs an image.
        location: The folder or archive with the images, None if there is none.
        sound: Images that decode.
        usual_size: The most common "WIDTHxHEIGHT" among them, None if there are none.
        missing: Ids of items without an image.
        corrupt: Ids of items whose image doesn't decode, with the reason.
        odd_size: Ids of items whose image is of another size than most, with the size.
        surplus: Files that belong to no item.
        released: Whether the annotations are the released ones, byte for byte; None for another benchmark.
    """

    subset: str
    items: int
    location: str | None = None
    sound: int = 0
    usual_size: str | None = None
    missing: list[str] = field(default_factory=list)
    corrupt: dict[str, str] = field(default_factory=dict)
    odd_size: dict[str, str] = field(default_factory=dict)
    surplus: list[str] = field(default_factory=list)
    released: bool | None = None

    @property
    def problems(self) -> int:
        """The number of things that are wrong."""
        return len(self.missing) + len(self.corrupt) + len(self.odd_size) + len(self.surplus)


def check(
    benchmark: str | os.PathLike[str] | Benchmark = "all",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    split: str | None = None,
    config: str | None = None,
    progress: Progress = silent,
) -> list[SubsetCheck]:
    """Decode every image of a benchmark and report what is wrong.

    Args:
        benchmark: Anything that `tia2.benchmark.load` takes.
        data_dir: A local copy of TIA2, as `tia2.benchmark.load` takes it.
        split: Name of a split, as `tia2.benchmark.load` takes it.
        config: Name of a config, as `tia2.benchmark.load` takes it.
        progress: Called with the subset, the images looked at, and the images in all.

    Returns:
        One report per subset.

    Raises:
        BenchmarkError: The annotations can't be read, or an archive is damaged as a whole.
    """
    if isinstance(benchmark, str) and benchmark in ("all", *SUBSETS) and split is None and config is None:
        folder = resolve_data_dir(data_dir)
        return [_check_layout(folder, subset, progress) for subset in subsets_of(benchmark)]
    loaded = load(benchmark, data_dir=data_dir, split=split, config=config)
    positions = loaded.items.groupby("subset", sort=False).indices
    return [_check_loaded(loaded, str(subset), list(positions[subset]), progress) for subset in positions]


def _check_layout(folder: Path | None, subset: str, progress: Progress) -> SubsetCheck:
    root = sources.annotations_root(folder, [subset])
    files = {
        file: prompt.item_id(index) for prompt in read_subset(root, subset) for index, file in enumerate(prompt.files)
    }
    image_set = find_images(folder, subset)
    refs = {} if image_set is None else image_set.refs
    result = SubsetCheck(
        subset,
        len(files),
        location=None if image_set is None else str(image_set.location),
        missing=[item for file, item in files.items() if file not in refs],
        surplus=sorted(refs.keys() - files.keys()),
        released=all(
            sources.sha256_of(root / path) == sources.SHA256[path] for path in sources.annotation_files([subset])
        ),
    )
    with ImageReader() as reader:

        def contents() -> Iterator[tuple[str, bytes | str]]:
            for file, item in files.items():
                if file in refs:
                    try:
                        yield item, reader.read(refs[file])
                    except BenchmarkError as error:
                        yield item, str(error)

        _decode_all(contents(), result, progress)
    return result


def _check_loaded(benchmark: Benchmark, subset: str, positions: list[int], progress: Progress) -> SubsetCheck:
    result = SubsetCheck(subset, len(positions))
    names = benchmark.items["item_id"]

    def contents() -> Iterator[tuple[str, bytes | str]]:
        for position in positions:
            item = names.iloc[position]
            try:
                content = benchmark.image_bytes(position)
            except BenchmarkError as error:
                yield item, str(error)
                continue
            if content is None:
                result.missing.append(item)
            else:
                yield item, content

    _decode_all(contents(), result, progress)
    return result


def _decode_all(contents: Iterator[tuple[str, bytes | str]], result: SubsetCheck, progress: Progress) -> None:
    """Decode in threads (Pillow releases the interpreter's lock), a batch at a time so that memory stays bounded."""
    sizes: dict[str, str] = {}
    done = 0
    with ThreadPoolExecutor(cpu_count()) as pool:
        while batch := list(islice(contents, _BATCH)):
            for (item, _), (size, problem) in zip(batch, pool.map(_size_or_problem, batch), strict=True):
                if size is None:
                    result.corrupt[item] = problem
                else:
                    sizes[item] = size
            done += len(batch)
            progress(result.subset, done, result.items)
    result.sound = len(sizes)
    if sizes:
        result.usual_size = Counter(sizes.values()).most_common(1)[0][0]
        result.odd_size = {item: size for item, size in sizes.items() if size != result.usual_size}


def _size_or_problem(entry: tuple[str, bytes | str]) -> tuple[str | None, str]:
    _, content = entry
    if isinstance(content, str):
        return None, content
    try:
        picture = read_picture(content)
        rgb_of(picture)  # What scoring does next, so that both find the same images damaged.
        return f"{picture.width}x{picture.height}", ""
    except ImageFileError as error:
        return None, str(error)
