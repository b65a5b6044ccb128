"""What calibration is worth: raw, and TextNorm with fixed, cross-validated and oracle settings, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.entries import Entries, panel_of
from tia2.analysis.outcome import Analysis
from tia2.calibration import Calibration, Mean, TextNorm, UncertaintyRegularised
from tia2.calibration.flat_settings import chosen
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.bootstrap import RESAMPLES, Interval
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel, Pooled
from tia2.figures import FigureSpec, Forest, ForestMark, Series

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]

CHOICES = ("fixed", "cv", "oracle")
RAW = "raw"


def calibration(
    tables: Sequence[ScoreTable],
    *,
    of: Calibration | None = None,
    metric: str = "auroc",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Analysis:
    """Compare raw rewards with TextNorm, for each reward model and, of several, for their ensembles.

    Every calibrated entry is compared with the raw reward on the same prompts, an ensemble with the raw reward of the
    member that is best raw. The optimism is what the oracle, which chooses settings for each prompt on its own labels,
    claims beyond settings that cross-validation chose without them.

    Args:
        tables: Score tables of one benchmark.
        of: Calibration of a single reward model, with fixed settings; `TextNorm()` if None. One that has nothing to
            choose is shown with its fixed settings alone.
        metric: Metric that is compared.
        seed: Seed of the folds and of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        A forest plot, within prompts and pooled, and a table with one row for each entry, way of choosing and
        subset.

    Raises:
        UnknownNameError: No such metric.
        ResultError: The tables don't belong together or can't be calibrated; or the calibration is an ensemble.

    Example:
        >>> calibration([tia2.ScoreTable.load("runs/mini-strong")]).findings[0]  # doctest: +SKIP
        'mini-strong with TextNorm (cv): +0.013 AUROC within prompts …'
    """
    import pandas as pd

    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    single = TextNorm() if of is None else of
    if single.combines or single.setting != "fixed":
        raise ResultError(f"Expected a calibration of single reward models with fixed settings, got {single.mark}.")
    entries = Entries.of(tables)
    panel = panel_of(entries.items, entries.scored, seed=seed, resamples=resamples)
    raw = {table.name: _measured(panel, np.asarray(table.raw, np.float64), metric) for table in tables}
    rows = [row for entry in _entries(tables, single, raw, panel) for row in _rows(panel, entry, metric, seed)]
    frame = pd.DataFrame(rows)
    title = METRICS[metric].title
    return Analysis(
        name="calibration",
        findings=_findings(frame, title, single.base_title),
        figure=_figure(frame, panel, title, single.base_title),
        table=frame,
        shown={"entry": "entry", "choice": "values", "mean": title, "difference": "- raw", "difference_low": "low",
               "difference_high": "high", "pooled": "pooled", "pooled_difference": "pooled - raw"},
    )  # fmt: skip


@dataclass(frozen=True)
class _Measured:
    figures: Floats
    pooled: Pooled


@dataclass(frozen=True)
class _Entry:
    name: str
    tables: tuple[ScoreTable, ...]
    calibration: Calibration
    raw_name: str
    raw: _Measured


def _measured(panel: Panel, values: Floats, metric: str) -> _Measured:
    return _Measured(panel.figure(values, metric), panel.pools(values, [metric])[metric])


def _entries(
    tables: Sequence[ScoreTable], single: Calibration, raw: dict[str, _Measured], panel: Panel
) -> list[_Entry]:
    alone = [_Entry(table.name, (table,), single, table.name, raw[table.name]) for table in tables]
    if len(tables) < 2:
        return alone
    best = max(raw, key=lambda name: panel.interval(raw[name].figures, panel.scopes[-1]).mean)
    several = f"of {len(tables)} rewards"
    return [
        *alone,
        _Entry(f"mean {several}", tuple(tables), Mean(of=single), best, raw[best]),
        _Entry(f"UR {several}", tuple(tables), UncertaintyRegularised(of=single), best, raw[best]),
    ]


def _rows(panel: Panel, entry: _Entry, metric: str, seed: int) -> Iterator[dict[str, str | float]]:
    by_values: dict[str, _Measured] = {}
    if not entry.calibration.combines:
        by_values[RAW] = entry.raw
    for choice in CHOICES if entry.calibration.candidates() else CHOICES[:1]:
        values_of_choice = chosen(entry.calibration, choice, seed=seed).apply(entry.tables)
        by_values[choice] = _measured(panel, values_of_choice.values, metric)
    for values, measured in by_values.items():
        for subset in panel.scopes:
            row: dict[str, str | float] = {
                "entry": entry.name,
                "choice": values,
                "subset": subset,
                **_columns("", panel.interval(measured.figures, subset), "mean"),
                **_columns("pooled_", panel.pooled_interval(measured.pooled, subset), "pooled"),
            }
            if values != RAW:
                gap = panel.interval(measured.figures - entry.raw.figures, subset)
                pooled = panel.pooled_interval(measured.pooled, subset, against=entry.raw.pooled)
                row |= {"raw": entry.raw_name, **_columns("difference_", gap, "difference")}
                row |= _columns("pooled_difference_", pooled, "pooled_difference")
            if values == "oracle":
                honest = by_values["cv"]
                optimism = panel.interval(measured.figures - honest.figures, subset)
                pooled = panel.pooled_interval(measured.pooled, subset, against=honest.pooled)
                row |= _columns("optimism_", optimism, "optimism")
                row |= _columns("pooled_optimism_", pooled, "pooled_optimism")
            yield row


def _columns(prefix: str, interval: Interval, name: str) -> dict[str, float]:
    return {name: interval.mean, f"{prefix}low": interval.low, f"{prefix}high": interval.high}


def _findings(frame: pd.DataFrame, title: str, base: str) -> list[str]:
    honest = "cv" if (frame["choice"] == "cv").any() else "fixed"
    last = frame[frame["subset"] == frame["subset"].iloc[-1]]
    differences = [
        f"{row['entry']} with {base} ({honest}) against raw {row['raw']}: within prompts "
        f"{row['difference']:+.3f} {title} ({row['difference_low']:+.3f} to {row['difference_high']:+.3f}), "
        f"pooled {row['pooled_difference']:+.3f} "
        f"({row['pooled_difference_low']:+.3f} to {row['pooled_difference_high']:+.3f})."
        for row in last[last["choice"] == honest].to_dict("records")
    ]
    claimed = [
        f"{row['entry']}: the oracle claims {row['optimism']:+.3f} ({row['optimism_low']:+.3f} to "
        f"{row['optimism_high']:+.3f}) beyond cv, which is optimism."
        for row in last[last["choice"] == "oracle"].to_dict("records")
    ]
    return differences + claimed


def _figure(frame: pd.DataFrame, panel: Panel, title: str, base: str) -> FigureSpec:
    series = {
        RAW: Series("raw"),
        "fixed": Series(f"{base}, documented setting"),
        "cv": Series(f"{base}, cross-validated"),
        "oracle": Series(f"{base}, oracle: an upper bound", hollow=True),
    }
    panels = []
    for kind, mean, low, high in (
        ("within prompts", "mean", "low", "high"),
        ("pooled", "pooled", "pooled_low", "pooled_high"),
    ):
        for subset in panel.scopes:
            rows = frame[frame["subset"] == subset].to_dict("records")
            marks = [ForestMark(row["entry"], series[row["choice"]], row[mean], row[low], row[high]) for row in rows]
            panels.append(Forest(f"{subset}, {kind}", title, marks))
    return FigureSpec(
        f"{title} of raw rewards and of {base}, by how its setting is chosen",
        panels,
        "95 % intervals over prompts. Within prompts: mean over prompts. Pooled: all items of a subset at once. The "
        "oracle chooses a setting for each prompt on its test labels: no result, but an upper bound.",
    )
