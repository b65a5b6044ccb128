"""Do score tables belong together: one benchmark, the same images, every reward model once?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tia2.benchmark.fingerprints import difference
from tia2.errors import ResultError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.scoring.table import ScoreTable


def check_same_items(tables: Sequence[ScoreTable], fewest: int = 1) -> None:
    """Check that score tables can be combined or compared item by item.

    Args:
        tables: Score tables.
        fewest: Smallest number of tables that will do.

    Raises:
        ResultError: There are too few tables; they are of different benchmarks, items, votes or images; or one reward
            model is listed twice.
    """
    if len(tables) < fewest:
        raise ResultError(f"Expected at least {fewest} score table{'s' * (fewest > 1)}, got {len(tables)}.")
    names: dict[str, str] = {}
    for table in tables:
        _check_pair(tables[0], table)
        fingerprint = table.manifest.reward.fingerprint
        if fingerprint in names:
            raise ResultError(f"{table.name} and {names[fingerprint]} are one reward model: list it once.")
        names[fingerprint] = table.name


def scored_by_all(tables: Sequence[ScoreTable]) -> NDArray[np.bool_]:
    """Return which items every table has rewards for, shape (items,).

    Args:
        tables: Score tables of the same items.
    """
    return np.asarray(np.all([~np.isnan(table.rewards[:, 0]) for table in tables], axis=0))


def _check_pair(first: ScoreTable, other: ScoreTable) -> None:
    a, b = first.manifest.benchmark, other.manifest.benchmark
    differs = difference(a, b)
    if differs is None and not first.items["item_id"].equals(other.items["item_id"]):
        differs = "items"
    if differs is not None:
        raise ResultError(
            f"{first.name} and {other.name} are not on the same benchmark: {a.name} and {b.name} differ in {differs}."
        )
    # Skipped items have no image; what one model could read, another may have been run without.
    if any(x != y for x, y in zip(first.image_sha256, other.image_sha256, strict=True) if x and y):
        raise ResultError(f"{first.name} and {other.name} were scored on different images of {a.name}.")
