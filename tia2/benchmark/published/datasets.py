"""The published datasets that `tia2 data download` knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tia2.benchmark.published import pins
from tia2.benchmark.published.genai_bench import read_genai_bench, read_genai_bench_video
from tia2.benchmark.published.mj_bench import read_mj_bench
from tia2.benchmark.published.parts import PublishedPart
from tia2.benchmark.published.pins import Repository
from tia2.benchmark.published.t2iscorescore import read_t2iscorescore
from tia2.benchmark.published.tifa160 import read_tifa160
from tia2.benchmark.published.videos import read_fetv, read_tvge
from tia2.benchmark.upstream.sources import download, sha256_of
from tia2.errors import unknown_name
from tia2.files import cache_dir

if TYPE_CHECKING:
    from tia2.benchmark.loading import Benchmark

ADDRESS = "https://raw.githubusercontent.com"
ADDRESS_VARIABLE = "TIA2_GITHUB_URL"
"""Variable that names a mirror: ADDRESS/OWNER/NAME/COMMIT/PATH."""


@dataclass(frozen=True)
class PublishedDataset:
    """Judgements and scores that others published.

    Attributes:
        name: Name for `tia2 data download`.
        title: Its content, in a few words.
        licence: Licence of the files, as stated upstream.
        repositories: Files, by repository and commit.
        read: Function from the folder of the files to benchmarks.
        inner: Whether files keep their folders; else only their names.
        answers: Files with published answers to questions, from which further scores are computed.
    """

    name: str
    title: str
    licence: str
    repositories: tuple[Repository, ...]
    read: Callable[[Path], list[PublishedPart]]
    inner: bool = False
    answers: tuple[Repository, ...] = ()

    def fetch(self, report: Callable[[str, bool], None] | None = None, *, answers: bool = False) -> Path:
        """Put the files into the cache; what is there and unaltered stays.

        Args:
            report: Called for each file with its path and whether it had to be fetched.
            answers: Whether the files with answers are wanted, too.

        Returns:
            Their folder.

        Raises:
            DownloadError: A file could not be fetched whole and unaltered.
        """
        commits = "-".join(repository.commit[:12] for repository in self.repositories)
        folder = cache_dir() / "published" / self.name / commits
        address = (os.environ.get(ADDRESS_VARIABLE) or ADDRESS).rstrip("/")
        for repository in (*self.repositories, *(self.answers if answers else ())):
            for pin in repository.pins:
                target = folder / (pin.path if self.inner else Path(pin.path).name)
                stale = not (target.is_file() and sha256_of(target) == pin.sha256)
                if stale:
                    download(f"{address}/{repository.name}/{repository.commit}/{pin.path}", target, pin.sha256)
                if report is not None:
                    report(pin.path, stale)
        return folder

    @property
    def origin(self) -> str:
        """A sentence on the source and licence, for the card."""
        sources = ", ".join(f"{repository.name} at {repository.commit}" for repository in self.repositories)
        return f"From {sources}; licence: {self.licence}. The images are absent."


DATASETS = MappingProxyType(
    {
        dataset.name: dataset
        for dataset in (
            PublishedDataset(
                "tifa160", "800 images of 160 prompts, rated by 5 and by 2", "Apache-2.0", (pins.TIFA, pins.DSG),
                read_tifa160, answers=(pins.DSG_ANSWERS,),
            ),
            PublishedDataset(
                "genai-bench", "3,162 images of 527 prompts, rated by 3", "Apache-2.0", (pins.GENAI_BENCH,),
                read_genai_bench,
            ),
            PublishedDataset(
                "genai-bench-video", "1,860 videos of 465 prompts, mean of 3 ratings", "Apache-2.0",
                (pins.GENAI_BENCH_VIDEO,), read_genai_bench_video,
            ),
            PublishedDataset(
                "fetv", "2,476 generated and 541 real videos, rated by 3", "CC-BY-4.0", (pins.FETV,), read_fetv, True
            ),
            PublishedDataset(
                "tvge", "2,543 videos of 512 prompts, mean rating", "Apache-2.0 there; the origin states none",
                (pins.TVGE,), read_tvge,
            ),
            PublishedDataset(
                "mj-bench", "500 pairs of images, one preference each", "MIT", (pins.MJ_BENCH,), read_mj_bench
            ),
            PublishedDataset(
                "t2iscorescore", "2,840 images of 165 prompts, number of errors", "MIT", (pins.T2ISCORESCORE,),
                read_t2iscorescore,
            ),
        )
    }
)  # fmt: skip
"""By name."""


def published_dataset(name: str) -> PublishedDataset:
    """Return a published dataset by its name.

    Args:
        name: One of `DATASETS`.

    Raises:
        UnknownNameError: There is none of this name.

    Example:
        >>> published_dataset("fetv").licence
        'CC-BY-4.0'
    """
    if name not in DATASETS:
        raise unknown_name("published dataset", name, DATASETS)
    return DATASETS[name]


def benchmark_of(part: PublishedPart, dataset: PublishedDataset) -> Benchmark:
    """Return one benchmark of a published dataset.

    Args:
        part: Benchmark as it was read.
        dataset: The dataset that it is of.
    """
    import datasets

    from tia2.benchmark.columns import ALL_COLUMNS, all_features
    from tia2.benchmark.judgements.comparisons import with_comparisons
    from tia2.benchmark.loading import Benchmark

    rows_of = with_comparisons(part.rows, part.pairs) if part.pairs else part.rows
    present = [column for column in ALL_COLUMNS if column in rows_of[0]]
    kinds = all_features()
    rows = datasets.Dataset.from_dict(
        {column: [row[column] for row in rows_of] for column in present},
        features=datasets.Features({column: kinds[column] for column in present}),
    )
    benchmark = Benchmark(rows, part.name, {}, part.scale)
    benchmark.notes = [*part.notes, dataset.origin]
    return benchmark
