"""How the choice of TextNorm's temperature, or of its other numbers, changes the agreement with people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.entries import Entries, panel_of
from tia2.analysis.outcome import Analysis
from tia2.calibration import Calibration, Mean, MinMax, TextNorm, UncertaintyRegularised
from tia2.calibration.checks import check_contrast
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.bootstrap import RESAMPLES
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel
from tia2.figures import Curve, Curves, FigureSpec

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
Sweep = Literal["temperature", "scale", "penalty"]

LEVELS: dict[Sweep, tuple[float, ...]] = {
    "temperature": tuple(2.0**power for power in range(-6, 8)),
    "scale": (0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 30.0, 100.0),
    "penalty": (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
}
"""The settings that are tried: multiples of the documented temperature, min-max scales, weights of the variance."""

_AXES: dict[Sweep, str] = {
    "temperature": "temperature / documented temperature",
    "scale": "min-max scale c",
    "penalty": "weight λ of the variance",
}


def temperature(
    tables: Sequence[ScoreTable],
    *,
    sweep: Sweep = "temperature",
    metric: str = "auroc",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Analysis:
    """Sweep one number of the calibration, and compare with the raw reward on the same prompts.

    For every setting: mean over prompts with its interval, the pooled figure, and the paired difference from the raw
    reward with its interval. An ensemble of all tables, where there are several, is compared with the raw reward of the
    member that is best raw.

    Args:
        tables: Score tables of one benchmark.
        sweep: "temperature" (τ), "scale" (c of min-max scaling), or "penalty" (λ of the uncertainty-regularised
            ensemble of all tables).
        metric: Metric that is compared.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        Curves of the difference from raw, and a table with one row for each entry, subset and setting. The best setting
        in such a table was found on the labels: it is an upper bound, not a result.

    Raises:
        UnknownNameError: No such sweep or metric.
        ResultError: The tables don't belong together or can't be calibrated; "penalty" with a single table.

    Example:
        >>> temperature([tia2.ScoreTable.load("runs/mini-strong")]).save("runs/analysis")  # doctest: +SKIP
    """
    import pandas as pd

    if sweep not in get_args(Sweep):
        raise unknown_name("sweep", sweep, get_args(Sweep))
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    entries = Entries.of(tables)
    check_contrast(tables)
    panel = panel_of(entries.items, entries.scored, seed=seed, resamples=resamples)
    rows = [row for entry in _entries(tables, sweep) for row in _sweep(panel, entry, sweep, metric)]
    frame = pd.DataFrame(rows)
    title = METRICS[metric].title
    return Analysis(
        name=sweep,
        findings=_findings(frame, title, sweep),
        figure=_figure(frame, panel, title, sweep),
        table=frame,
        shown={"entry": "entry", "setting": sweep, "mean": title, "pooled": "pooled", "difference": "- raw",
               "low": "low", "high": "high"},
    )  # fmt: skip


@dataclass(frozen=True)
class _Entry:
    name: str
    tables: tuple[ScoreTable, ...]
    at_level: Callable[[float], Calibration]
    """The calibration at one level of what is swept."""


def _entries(tables: Sequence[ScoreTable], sweep: Sweep) -> list[_Entry]:
    several = f"{len(tables)} rewards"
    if sweep == "penalty":
        if len(tables) < 2:
            raise ResultError("The penalty belongs to an ensemble: give two score tables or more.")
        return [_Entry(f"UR of {several}", tuple(tables), lambda level: UncertaintyRegularised(penalty=level))]

    def single(level: float) -> Calibration:
        return MinMax(scale=level) if sweep == "scale" else TextNorm(factor=level)

    alone = [_Entry(table.name, (table,), single) for table in tables]
    mean = _Entry(f"mean of {several}", tuple(tables), lambda level: Mean(of=single(level)))
    return [*alone, *([mean] if len(tables) > 1 else [])]


def _sweep(panel: Panel, entry: _Entry, sweep: Sweep, metric: str) -> list[dict[str, str | float]]:
    raw = {table.name: np.asarray(table.raw, np.float64) for table in entry.tables}
    of_raw = {name: panel.figure(rewards, metric) for name, rewards in raw.items()}
    best = max(of_raw, key=lambda name: panel.interval(of_raw[name], panel.scopes[-1]).mean)
    raw_pooled = panel.pools(raw[best], [metric])[metric]
    levels = LEVELS[sweep]
    by_level = (entry.at_level(level).apply(entry.tables).values for level in levels)
    rows: list[dict[str, str | float]] = []
    for level, values in zip(levels, by_level, strict=True):
        figures, pooled = panel.figure(values, metric), panel.pools(values, [metric])[metric]
        for subset in panel.scopes:
            mean = panel.interval(figures, subset)
            gap = panel.interval(figures - of_raw[best], subset)
            pooled_gap = panel.pooled_interval(pooled, subset, against=raw_pooled)
            rows.append(
                {
                    "entry": entry.name,
                    "subset": subset,
                    "sweep": sweep,
                    "setting": level,
                    "mean": mean.mean,
                    "mean_low": mean.low,
                    "mean_high": mean.high,
                    "pooled": panel.pooled_interval(pooled, subset).mean,
                    "raw": best,
                    "raw_mean": panel.interval(of_raw[best], subset).mean,
                    "raw_pooled": panel.pooled_interval(raw_pooled, subset).mean,
                    "difference": gap.mean,
                    "low": gap.low,
                    "high": gap.high,
                    "pooled_difference": pooled_gap.mean,
                    "pooled_low": pooled_gap.low,
                    "pooled_high": pooled_gap.high,
                }
            )
    return rows


def _findings(frame: pd.DataFrame, title: str, sweep: Sweep) -> list[str]:
    last = frame["subset"].iloc[-1]
    sentences = []
    documented = 1.0 if sweep == "temperature" else None
    for entry, rows in frame[frame["subset"] == last].groupby("entry", sort=False):
        best = rows.loc[rows["difference"].idxmax()]
        sentence = (
            f"{entry}: best of {len(rows)} settings at {best['setting']:g}, {best['difference']:+.3f} {title} from raw "
            f"{best['raw']} ({best['low']:+.3f} to {best['high']:+.3f})"
        )
        if documented is not None:
            at_documented = rows.loc[rows["setting"] == documented].iloc[0]
            sentence += (
                f"; at the documented temperature {at_documented['difference']:+.3f} ({at_documented['low']:+.3f} to "
                f"{at_documented['high']:+.3f})"
            )
        sentences.append(sentence + ".")
    sentences.append("A best setting was found on the labels: an upper bound, not a result.")
    return sentences


def _figure(frame: pd.DataFrame, panel: Panel, title: str, sweep: Sweep) -> FigureSpec:
    panels = []
    ticks = [0.0625, 0.25, 1.0, 4.0, 16.0, 64.0] if sweep == "temperature" else None
    kinds = {
        "within prompts": ("difference", "low", "high"),
        "pooled": ("pooled_difference", "pooled_low", "pooled_high"),
    }
    for kind, columns in kinds.items():
        for subset in panel.scopes:
            curves = [
                Curve(str(entry), rows["setting"].tolist(), *(rows[name].tolist() for name in columns))
                for entry, rows in frame[frame["subset"] == subset].groupby("entry", sort=False)
            ]
            panels.append(
                Curves(
                    f"{subset}, {kind}",
                    _AXES[sweep],
                    f"{title} - raw",
                    curves,
                    log=sweep != "penalty",
                    levels={"raw": 0.0},
                    ticks=ticks,
                )
            )
    return FigureSpec(
        f"What TextNorm adds to {title}, by {_AXES[sweep]}",
        panels,
        "Paired difference with its 95 % interval. An ensemble is compared with the raw reward of its "
        "best member. The best setting of a curve was found on the labels: an upper bound, not a result.",
    )
