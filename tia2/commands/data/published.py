"""`tia2 data download NAME`: judgements and scores that others published."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tia2.benchmark.published.datasets import PublishedDataset
    from tia2.benchmark.published.parts import PublishedPart


def download_published(name: str, to: Path | None, *, answers: bool = False) -> None:
    """Fetch a published dataset, and write its benchmarks and score tables.

    Args:
        name: The dataset.
        to: Folder to write to; None for runs/NAME.
        answers: Whether to fetch published answers to questions, too, and to compute scores from them.

    Raises:
        UsageError: No answers were published with this dataset.
    """
    from tia2 import console
    from tia2.benchmark.published.datasets import published_dataset
    from tia2.commands.data.quiet import quiet_datasets
    from tia2.errors import UsageError

    dataset = published_dataset(name)
    if answers and not dataset.answers:
        raise UsageError(f"--answers: none were published with {name}; some were with tifa160.")
    target = Path("runs") / name if to is None else to.expanduser()
    with console.progress() as bar:
        total = sum(
            len(repository.pins) for repository in (*dataset.repositories, *(dataset.answers if answers else ()))
        )
        task = bar.add_task(name, total=total)
        folder = dataset.fetch(lambda *_: bar.advance(task), answers=answers)
    with quiet_datasets(), console.warnings_as_lines(), console.stderr.status("Writing …"):
        parts = dataset.read(folder)
        written = [_write(part, dataset, target, alone=len(parts) == 1) for part in parts]
    for part, (location, scores) in zip(parts, written, strict=True):
        count = f"{len(part.rows):,} items, {len(part.scores)} reward models as published"
        console.stdout.print(console.plain(f"{location}: {count}"), soft_wrap=True)
        for note in part.notes:
            console.stdout.print(console.plain(f"  {note}"), soft_wrap=True)
        quoted = shlex.quote(str(scores))
        command = f"pairs {shlex.quote(str(scores.parent / 'pairs.parquet'))}" if part.pairs else "evaluate"
        console.stdout.print(console.plain(f"  tia2 {command} {quoted}/*"), soft_wrap=True)


def _write(part: PublishedPart, dataset: PublishedDataset, target: Path, *, alone: bool) -> tuple[Path, Path]:
    """Write one benchmark and its score tables where they aren't yet, and return their folders."""
    from tia2.benchmark import export
    from tia2.benchmark.published.datasets import benchmark_of
    from tia2.commands.options import run_folder
    from tia2.scoring import import_scores

    folder = target if alone else target / part.name
    benchmark = benchmark_of(part, dataset)
    if not (folder / "benchmark").exists():
        export(benchmark, folder / "benchmark", allow_missing=True)
    if part.pairs:
        _write_pairs(part, folder / "pairs.parquet")
    repositories = ", ".join(repository.name for repository in dataset.repositories)
    for scores in part.scores:
        import_scores(
            benchmark,
            scores.rewards,
            name=scores.name,
            card={"notes": " ".join(filter(None, [f"As published in {repositories}.", scores.note]))},
            computed_by=repositories,
            out=run_folder(folder / "scores", benchmark.name, scores.name, several=True),
            allow_missing=True,
            overwrite=True,
        )
    return folder / "benchmark", folder / "scores"


def _write_pairs(part: PublishedPart, path: Path) -> None:
    import pandas as pd

    from tia2.files import replacing

    with replacing(path) as unfinished:
        pd.DataFrame(part.pairs).to_parquet(unfinished, index=False)
