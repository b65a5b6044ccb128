"""Values: what a calibration makes of rewards, one number per item, and what evaluation judges."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from tia2.errors import ResultError
from tia2.evaluation.result import BenchmarkInfo, RewardInfo
from tia2.files import explain, json_of, replacing

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]

COLUMNS = ("item_id", "subset", "prompt_id", "prompt", "human_score", "label")
"""The columns of the items that an evaluation needs."""
JUDGEMENTS = ("votes", "ratings", "compared_with", "preferences")
"""The columns that say how well people agree, where there are some."""
_VALUE = "value"
_KEY = b"tia2.values"


@dataclass(frozen=True, eq=False, repr=False)
class Values:
    """One number per item of a benchmark, with people's judgements of the items, ready to be evaluated.

    Attributes:
        items: The columns item_id, subset, prompt_id, prompt, human_score and label, and votes, ratings or comparisons
            where there are some.
        values: Float64, shape (items,); NaN for an item without a reward, because its image could not be read.
        name: Name of the entry in tables and figures.
        calibration: Name of the calibration, "raw" for none.
        settings: Settings of the calibration, as plain JSON.
        rewards: Reward models that the values were made from.
        benchmark: Benchmark of the items, with its fingerprints.
        upper_bound: Whether the settings were chosen on the very labels that the values are judged by.

    Raises:
        ResultError: A column is missing or has gaps, or the values aren't one real number per item.

    Example:
        >>> values = tia2.calibrate(["runs/mini-strong"], tia2.calibration.TextNorm())  # doctest: +SKIP
        >>> tia2.evaluate(Values.load(values.save("values.parquet"))).overall.metrics["auroc"].mean  # doctest: +SKIP
        0.84
    """

    items: pd.DataFrame
    values: Floats
    name: str
    calibration: str
    settings: Mapping[str, Any]
    rewards: tuple[RewardInfo, ...]
    benchmark: BenchmarkInfo
    upper_bound: bool = False

    def __post_init__(self) -> None:
        _check_items(self.items)
        object.__setattr__(self, "values", _checked(self.values, len(self.items)))

    @classmethod
    def of(
        cls,
        tables: Sequence[ScoreTable],
        values: ArrayLike,
        *,
        name: str,
        calibration: str,
        settings: Mapping[str, Any],
        upper_bound: bool = False,
    ) -> Values:
        """Return values that were made from score tables of one benchmark.

        Args:
            tables: Score tables that the values were made from, in the order of the ensemble.
            values: One real number per item of the tables, shape (items,). Numbers of items that a table has no reward
                for are ignored.
            name: Name of the entry in tables and figures.
            calibration: Name of the calibration, "raw" for none.
            settings: Settings of the calibration, as plain JSON.
            upper_bound: Whether the settings were chosen on the labels that the values are judged by.

        Returns:
            The values, NaN where a table has no reward.

        Raises:
            ResultError: There is no table, the items lack a column, or an item with rewards has no finite value.
        """
        if not tables:
            raise ResultError("Expected at least one score table, got none.")
        first = tables[0]
        _check_items(first.items)
        numbers = _checked(values, len(first.items), infinite=True)
        skipped = {item for table in tables for item in table.skipped}
        scored = ~first.items["item_id"].isin(skipped).to_numpy() if skipped else np.ones(len(numbers), np.bool_)
        bad = ~np.isfinite(numbers) & scored
        if bad.any():
            raise ResultError(
                f"{np.count_nonzero(bad)} of {int(scored.sum())} values are NaN or infinite, the first is that of "
                f"{first.items['item_id'].iloc[int(bad.argmax())]}. Every item needs a finite reward."
            )
        if not scored.any():
            raise ResultError(f"No item of {name} has a reward: none of the images could be read.")
        manifest = first.manifest
        models = [table.manifest.reward for table in tables]
        return cls(
            items=first.items[[*COLUMNS, *(name for name in JUDGEMENTS if name in first.items.columns)]],
            values=np.where(scored, numbers, np.nan),
            name=name,
            calibration=calibration,
            settings=dict(settings),
            rewards=tuple(
                RewardInfo(name=model.name, spec=model.spec, fingerprint=model.fingerprint) for model in models
            ),
            benchmark=BenchmarkInfo(
                name=manifest.benchmark.name,
                fingerprint=manifest.benchmark.fingerprint,
                votes_fingerprint=manifest.benchmark.votes_fingerprint,
                scores_fingerprint=manifest.benchmark.scores_fingerprint,
                items=manifest.benchmark.items,
                items_skipped=int((~scored).sum()),
                images_fingerprint=manifest.images_fingerprint,
                scale=manifest.benchmark.scale,
            ),
            upper_bound=upper_bound,
        )

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        absent = int((~self.scored).sum())
        return (
            f"Values({self.name!r} on {self.benchmark.name!r}: {len(self):,} items"
            + (f", {absent:,} without a reward" if absent else "")
            + (", upper bound" if self.upper_bound else "")
            + ")"
        )

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Which items have a value, shape (items,)."""
        return ~np.isnan(self.values)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the values, the items and how they came about to one Parquet file; it is whole or absent at any time.

        Args:
            path: File to write. Its folder is made as needed.

        Returns:
            The path.

        Raises:
            FileError: The disk is full, or the folder can't be written to.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        from tia2._version import __version__

        path = Path(path)
        columns = {name: pa.array(self.items[name].tolist()) for name in self.items.columns}
        header = _Header(
            tia2_version=__version__,
            name=self.name,
            calibration=self.calibration,
            settings=dict(self.settings),
            rewards=list(self.rewards),
            benchmark=self.benchmark,
            upper_bound=self.upper_bound,
        )
        table = pa.table({**columns, _VALUE: pa.array(self.values)})
        table = table.replace_schema_metadata({_KEY: header.model_dump_json().encode()})
        with replacing(path) as unfinished:
            pq.write_table(table, unfinished, compression="zstd")
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Values:
        """Read what `save` wrote.

        Args:
            path: The Parquet file.

        Returns:
            The values.

        Raises:
            ResultError: There is no such file, it is damaged, or it holds no values that this version knows.
        """
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path, partitioning=None)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ResultError(f"Can't read values from {path}: {' '.join(str(error).split())}.") from None
        content = (table.schema.metadata or {}).get(_KEY)
        if content is None or _VALUE not in table.column_names:
            raise ResultError(f"{path} holds no values. Values.save writes such files.")
        try:
            written = json_of(content)
            version = written.get("schema_version") if isinstance(written, dict) else None
            if version != 1:
                raise ResultError(
                    f"{path} has schema version {version!r}, this tia2 reads 1; upgrade tia2 to read newer values."
                )
            header = _Header.model_validate_json(content)
        except ResultError:
            raise
        except ValidationError as error:
            raise ResultError(f"{path} holds no valid values: {explain(error)}.") from error
        except ValueError as error:
            raise ResultError(f"{path} holds no valid values: {error}.") from error
        names = [name for name in table.column_names if name != _VALUE]
        return cls(
            items=pd.DataFrame({name: table.column(name).to_pylist() for name in names}),
            values=table.column(_VALUE).to_numpy(),
            name=header.name,
            calibration=header.calibration,
            settings=header.settings,
            rewards=tuple(header.rewards),
            benchmark=header.benchmark,
            upper_bound=header.upper_bound,
        )


@runtime_checkable
class Calibrates(Protocol):
    """Anything that makes values from the score tables of one or several reward models on one benchmark."""

    def apply(self, tables: Sequence[ScoreTable]) -> Values:
        """Return one value per item.

        Args:
            tables: Score tables of one benchmark, in the order of the ensemble.
        """
        ...


Function = Callable[["ScoreTable"], ArrayLike]
"""A calibration as a plain function: from a score table to one value per item."""


def values_of(tables: Sequence[ScoreTable], calibration: Calibrates | Function | None = None) -> Values:
    """Return what a calibration makes of score tables.

    Args:
        tables: Score tables of one benchmark: one, or those of an ensemble.
        calibration: Calibration, or a function from a score table to one value per item, whose arguments bound with
            `functools.partial` become the settings; None for each item's reward for its own prompt.

    Returns:
        The values.

    Raises:
        ResultError: There are several tables and the calibration makes no ensemble of them, or values are missing or
            not finite.
    """
    if isinstance(calibration, Calibrates):
        return calibration.apply(tables)
    first = tables[0]
    _check_items(first.items)
    if len(tables) > 1:
        raise ResultError(
            f"{len(tables)} score tables make one entry as an ensemble only: pass calibration=tia2.calibration.Mean()."
        )
    if calibration is None:
        return Values.of(tables, first.raw, name=first.name, calibration="raw", settings={})
    name, settings = _describe(calibration)
    title = f"{first.name} + {name}"
    return Values.of(tables, calibration(first), name=title, calibration=name, settings=settings)


class _Header(BaseModel):
    """The metadata of a file of values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    tia2_version: str
    name: str
    calibration: str
    settings: dict[str, JsonValue]
    rewards: list[RewardInfo]
    benchmark: BenchmarkInfo
    upper_bound: bool


def _check_items(items: pd.DataFrame) -> None:
    missing = [column for column in COLUMNS if column not in items.columns]
    if missing:
        raise ResultError(f"The score table's items lack the column(s) {', '.join(missing)}.")
    if not len(items):
        raise ResultError("The score table holds no items.")
    for column in COLUMNS:
        empty = items[column].isna()
        if empty.any():
            first = items["item_id"][empty].iloc[0]
            raise ResultError(f"{column} is missing for {int(empty.sum())} items, the first is {first}.")


def _checked(values: ArrayLike, items: int, infinite: bool = False) -> Floats:
    """Return values as float64, checked to be one real number per item; NaN is allowed."""
    array = np.asarray(values)
    if array.shape != (items,):
        raise ResultError(f"Expected one value for each of the {items} items, got shape {array.shape}.")
    if array.dtype.kind not in "fiub":
        raise ResultError(f"Values must be real numbers, got dtype {array.dtype}.")
    if not infinite and np.isinf(array).any():
        raise ResultError(f"{np.count_nonzero(np.isinf(array))} of {items} values are infinite.")
    return array.astype(np.float64)


def _describe(calibration: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the bound arguments of a function."""
    settings: dict[str, Any] = {}
    while isinstance(calibration, partial):
        settings = {**calibration.keywords, **settings}
        calibration = calibration.func
    for key, value in settings.items():
        if not isinstance(value, str | int | float | None):
            raise ResultError(
                f"Settings of a calibration must be plain numbers or text, {key} is {type(value).__name__}."
            )
    return str(getattr(calibration, "__name__", type(calibration).__name__)), settings
