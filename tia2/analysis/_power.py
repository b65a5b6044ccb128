"""How many prompts it takes to see a difference of a given size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.analysis.entries import Entries, panel_of
from tia2.analysis.outcome import Analysis
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel
from tia2.evaluation.summary import OVERALL
from tia2.figures import Curve, Curves, FigureSpec

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation.values import Calibrates
    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]

POWERS = (0.8, 0.9)
MEDIAN = "median pair"
MOST = 10**9
"""No more prompts are looked for."""
_CERTAIN = 1e9
"""With a larger noncentrality the power is 1."""
_TICKS = (10, 30, 100, 300, 1000, 3000, 10000)


def power(
    tables: Sequence[ScoreTable],
    *,
    calibration: Calibrates | None = None,
    metric: str = "auroc",
    differences: Sequence[float] = (0.01, 0.02, 0.03, 0.05),
    level: float = 0.05,
    seed: int = 0,
) -> Analysis:
    """Find how many prompts a paired comparison of two entries needs, from how much pairs differ between prompts.

    For every pair of entries, σ is the standard deviation over prompts of the difference of their figures. A two-sided
    paired t-test of a true mean difference d over n prompts has the power that `paired_power` gives. For `overall`, the
    mean of K subsets, σ is √(N Σ sₖ² / nₖ) / K with N = Σ nₖ: all subsets grow in proportion, and n counts all
    their prompts. Only prompts whose labels differ count. σ is that of the items that a prompt has here; with more
    images per prompt it would be smaller.

    Args:
        tables: Score tables of one benchmark, at least two.
        calibration: Calibration whose values are compared, applied to each model on its own; the raw rewards if None.
        metric: Name of the metric to plan for.
        differences: True differences to plan for, above 0.
        level: Level of the two-sided test.
        seed: Not used: nothing is drawn. Every analysis takes one.

    Returns:
        Power against the number of prompts for the pair with the median σ, and a table with one row for each subset and
        pair, and one for the median: sd, difference and prompts here, detectable (the smallest difference seen with
        80 % power), and the prompts needed for each difference at 80 and 90 %.

    Raises:
        UnknownNameError: No such metric.
        ResultError: Fewer than two tables, or they don't belong together; a difference or the level is out of range; a
            model can't be calibrated.

    Example:
        >>> tables = [tia2.ScoreTable.load(f"runs/{name}") for name in ("mini-strong", "mini-web")]  # doctest: +SKIP
        >>> print(power(tables).findings[0])  # doctest: +SKIP
    """
    import pandas as pd

    del seed
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    wanted = _check(differences, level)
    entries = Entries.of(tables, fewest=2)
    values = entries.raw
    if calibration is not None:
        values = np.stack([np.asarray(calibration.apply([table]).values, np.float64) for table in entries.tables])
    panel = panel_of(entries.items, entries.scored)
    figures = np.stack([panel.figure(of_model, metric) for of_model in values])
    frame = pd.concat(
        [_rows(panel, entries.names, figures, subset, wanted, level) for subset in panel.scopes], ignore_index=True
    )
    title = METRICS[metric].title
    last = f"prompts_{wanted[min(1, len(wanted) - 1)]:g}_80"
    return Analysis(
        name="power",
        findings=_findings(frame, title, wanted),
        figure=_figure(frame, title, wanted, level),
        table=frame,
        shown={"subset": "subset", "pair": "pair", "sd": "sd", "prompts": "prompts", "detectable": "detectable",
               last: f"for {last.split('_')[1]}"},
    )  # fmt: skip


def paired_power(difference: ArrayLike, sd: ArrayLike, prompts: ArrayLike, level: float = 0.05) -> Floats:
    """Return the power of a two-sided paired t-test.

    1 − F(t; ν, δ) + F(−t; ν, δ), where F is the noncentral t distribution with ν = n − 1 degrees of freedom and
    noncentrality δ = d √n / σ, and t the quantile of Student's t at 1 − level / 2.

    Args:
        difference: d, the true mean difference.
        sd: σ, the standard deviation of the differences over prompts, same unit.
        prompts: n, at least 2.
        level: Level of the test.

    Returns:
        The chance of finding the difference; of the shape that the three broadcast to.

    Example:
        >>> paired_power(0.5, 1.0, 34).round(3).tolist()
        0.808
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.abs(np.asarray(difference, np.float64)) * np.sqrt(prompts) / np.asarray(sd, np.float64)
    return _power(np.nan_to_num(shift, nan=0.0, posinf=np.inf), np.asarray(prompts, np.float64), level)


def prompts_needed(difference: ArrayLike, sd: ArrayLike, power: float = 0.8, level: float = 0.05) -> NDArray[np.int64]:
    """Return the fewest prompts with which `paired_power` reaches a power.

    Args:
        difference: d, the true mean difference, not 0.
        sd: σ, same unit.
        power: Power to be reached.
        level: Level of the test.

    Returns:
        Whole numbers from 2, of the shape that the two broadcast to.

    Example:
        >>> prompts_needed([0.5, 0.2], 1.0).tolist()
        [34, 199]
    """
    shape = np.broadcast_shapes(np.shape(difference), np.shape(sd))
    low, high = np.full(shape, 1, np.int64), np.full(shape, MOST, np.int64)
    while (high - low > 1).any():
        middle = np.maximum((low + high) // 2, 2)
        enough = paired_power(difference, sd, middle, level) >= power
        high, low = np.where(enough, middle, high), np.where(enough, np.minimum(low, middle - 1), middle)
    return high


def detectable(sd: ArrayLike, prompts: ArrayLike, power: float = 0.8, level: float = 0.05) -> Floats:
    """Return the smallest true difference that `paired_power` finds with a power.

    Args:
        sd: σ, the standard deviation of the differences over prompts.
        prompts: n, at least 2.
        power: Power to be reached.
        level: Level of the test.

    Returns:
        In the unit of σ, of the shape that both broadcast to.

    Example:
        >>> detectable(1.0, [34, 199]).round(3).tolist()
        [0.495, 0.2]
    """
    number = np.asarray(prompts, np.float64)
    low, high = np.zeros(number.shape), np.full(number.shape, 2.0)
    while (short := _power(high, number, level) < power).any():
        high = np.where(short, 2 * high, high)
    for _ in range(60):
        middle = (low + high) / 2
        enough = _power(middle, number, level) >= power
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    difference: Floats = high * np.asarray(sd, np.float64) / np.sqrt(number)
    return difference


def _power(shift: Floats, prompts: Floats, level: float) -> Floats:
    from scipy.stats import nct, t

    freedom = prompts - 1
    quantile = t.ppf(1 - level / 2, freedom)
    sure = shift > _CERTAIN
    used = np.where(sure, 0.0, shift)
    # SciPy's lower tail is NaN where it is too small to matter.
    both = nct.sf(quantile, freedom, used) + np.nan_to_num(nct.cdf(-quantile, freedom, used))
    power: Floats = np.where(sure, 1.0, np.clip(both, 0, 1))
    return power


def _check(differences: Sequence[float], level: float) -> list[float]:
    wanted = sorted({float(difference) for difference in differences})
    if not wanted or not all(np.isfinite(wanted)) or wanted[0] <= 0:
        raise ResultError(f"Expected differences above 0, got {list(differences)!r}.")
    if not 0 < level < 1:
        raise ResultError(f"The level must be between 0 and 1, got {level!r}.")
    return wanted


class _Spread(NamedTuple):
    sd: float
    difference: float
    prompts: int


def _spread(panel: Panel, gap: Floats, subset: str) -> _Spread:
    parts = [gap[panel.used_rows(name)] for name in (panel.subsets if subset == OVERALL else [subset])]
    prompts = sum(map(len, parts))
    variance = sum(float(part.var(ddof=1)) / len(part) for part in parts) / len(parts) ** 2
    return _Spread(float(np.sqrt(prompts * variance)), float(np.mean([part.mean() for part in parts])), prompts)


def _rows(
    panel: Panel, names: list[str], figures: Floats, subset: str, wanted: list[float], level: float
) -> pd.DataFrame:
    import pandas as pd

    pairs = list(combinations(range(len(names)), 2))
    spreads = [_spread(panel, figures[a] - figures[b], subset) for a, b in pairs]
    middle = _Spread(float(np.median([spread.sd for spread in spreads])), float("nan"), spreads[0].prompts)
    frame: pd.DataFrame = pd.DataFrame(
        {
            "subset": subset,
            "pair": [*(f"{names[a]} - {names[b]}" for a, b in pairs), MEDIAN],
            "a": [*(names[a] for a, _ in pairs), ""],
            "b": [*(names[b] for _, b in pairs), ""],
            **{name: [getattr(spread, name) for spread in [*spreads, middle]] for name in _Spread._fields},
        }
    )
    frame["detectable"] = detectable(frame["sd"], frame["prompts"], level=level)
    for difference in wanted:
        for share in POWERS:
            frame[f"prompts_{difference:g}_{share * 100:.0f}"] = prompts_needed(difference, frame["sd"], share, level)
    return frame


def _findings(frame: pd.DataFrame, title: str, wanted: list[float]) -> list[str]:
    sentences = []
    for _, row in frame[frame["pair"] == MEDIAN].iloc[::-1].iterrows():
        needed = ", ".join(f"{row[f'prompts_{difference:g}_80']:,} for {difference:g}" for difference in wanted)
        sentences.append(
            f"With its {row['prompts']} prompts, {row['subset']} shows differences of {row['detectable']:.3f} {title} "
            f"or more (80 % power, median pair); prompts needed: {needed}."
        )
    last = frame[(frame["subset"] == frame["subset"].iloc[-1]) & (frame["pair"] != MEDIAN)]
    small = last[last["difference"].abs() < last["detectable"]]
    sentences.append(
        f"{len(small)} of {len(last)} pairs differ by less than what {last['subset'].iloc[0]} shows with 80 % power."
    )
    return sentences


def _figure(frame: pd.DataFrame, title: str, wanted: list[float], level: float) -> FigureSpec:
    grid = np.unique(np.geomspace(_TICKS[0], _TICKS[-1], 31).round())
    panels = []
    for _, row in frame[frame["pair"] == MEDIAN].iterrows():
        curves = [
            Curve(f"difference of {gap:g}", grid.tolist(), paired_power(gap, row["sd"], grid, level).tolist())
            for gap in wanted
        ]
        panels.append(
            Curves(
                f"{row['subset']} ({row['prompts']} prompts here)",
                "prompts",
                "power",
                curves,
                log=True,
                levels={"80 %": 0.8},
                ticks=_TICKS,
            )
        )
    return FigureSpec(
        f"How surely a true difference in {title} is found, by the number of prompts",
        panels,
        f"Two-sided paired t-test at {level:g}, for the pair of models whose difference varies between prompts as the "
        "median pair's does. Prompts whose labels are all equal don't count.",
    )
