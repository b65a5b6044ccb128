"""A submission: one zip of a model's card, its calibrations and its score tables.

submission.json
tables/0/manifest.json, items.parquet, shards/00000.parquet, ...     as `tia2 score` wrote them
tables/1/...                                                         for an ensemble
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tia2.calibration.base import Calibration
from tia2.errors import LeaderboardError

from ..data.records import ModelCard, StrictModel, SubmittedCalibration
from .limits import LIMITS, MIB
from .paths import public_reward

if TYPE_CHECKING:
    from tia2.scoring.manifest import Manifest

MOST_TABLES = 16
DATED = (1980, 1, 1, 0, 0, 0)
"""When every file in a zip is from, so that equal submissions have equal bytes."""


class Submission(StrictModel):
    """What submission.json holds. All of it is a claim, to be checked or shown as text."""

    schema_version: Literal[1] = 1
    card: ModelCard
    benchmark: Annotated[str, Field(min_length=1, max_length=100)]
    """Name of the store's benchmark that the score tables are on."""
    calibrations: Annotated[list[SubmittedCalibration], Field(min_length=1, max_length=16)]
    tables: Annotated[int, Field(ge=1, le=MOST_TABLES)]
    """How many score tables there are; several make an ensemble."""
    tia2_version: Annotated[str, Field(max_length=40)]
    created: Annotated[str, Field(max_length=40)]


def build(
    tables: Sequence[Path],
    card: ModelCard,
    calibrations: Sequence[Calibration],
    out: Path,
    *,
    benchmark: str | None = None,
    created: str | None = None,
) -> Submission:
    """Write a submission, whole or not at all; equal arguments give equal bytes.

    Args:
        tables: Folders of finished score tables.
        card: Declared facts about the model.
        calibrations: The entries to make of the tables.
        out: The zip to write.
        benchmark: The store's name for the benchmark; the tables' own if None.
        created: When, UTC; now if None.

    Returns:
        What submission.json holds.

    Raises:
        LeaderboardError: There are too few or too many tables, or they are too large together.
        ScoreTableError: A table is missing, damaged or not complete, or `out` can't be written.

    Example:
        >>> build([Path("runs/mine")], ModelCard(name="mine"), [Raw()], Path("mine.zip"))  # doctest: +SKIP
    """
    from tia2._version import __version__
    from tia2.files import write_atomically
    from tia2.scoring import ScoreTable

    from ..data.store import now

    if not 1 <= len(tables) <= MOST_TABLES:
        raise LeaderboardError(f"Expected 1 to {MOST_TABLES} score tables, got {len(tables)}.")
    loaded = [ScoreTable.load(path) for path in tables]
    submission = Submission(
        card=card,
        benchmark=benchmark or loaded[0].manifest.benchmark.name,
        calibrations=list(calibrations),
        tables=len(loaded),
        tia2_version=__version__,
        created=created or now(),
    )
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        add_member(archive, "submission.json", (submission.model_dump_json(indent=1) + "\n").encode())
        for number, (path, table) in enumerate(zip(tables, loaded, strict=True)):
            add_member(archive, f"tables/{number}/manifest.json", _public_manifest(table.manifest))
            for name in list(table_files(len(table.manifest.shards)))[1:]:
                add_member(archive, f"tables/{number}/{name}", (Path(path) / name).read_bytes())
    content = sink.getvalue()
    if len(content) > LIMITS.upload:
        raise LeaderboardError(
            f"The submission has {len(content) / MIB:.0f} MiB; at most {LIMITS.upload // MIB} MiB can be submitted."
        )
    write_atomically(out, content, LeaderboardError)
    return submission


def _public_manifest(manifest: Manifest) -> bytes:
    public = manifest.model_copy(update={"reward": public_reward(manifest.reward)})
    return (public.model_dump_json(indent=1) + "\n").encode()


def table_files(shards: int) -> Iterator[str]:
    """Yield the names of a score table's files.

    Example:
        >>> list(table_files(1))
        ['manifest.json', 'items.parquet', 'shards/00000.parquet']
    """
    yield from ("manifest.json", "items.parquet")
    yield from (f"shards/{number:05d}.parquet" for number in range(shards))


def add_member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file to a zip, of a fixed date, so that equal content gives equal bytes."""
    info = zipfile.ZipInfo(name, DATED)
    info.external_attr = 0o100644 << 16
    info.create_system = 3
    archive.writestr(info, content)
