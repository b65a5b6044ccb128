"""Best-of-n curves as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tia2.errors import ResultError, unknown_name
from tia2.evaluation.summary import OVERALL
from tia2.figures import Curve, Curves, FigureSpec

from .frontier import fitted
from .records import BestOfNSubset, FrontierFit, MeanCurve
from .result import BestOfNResult

if TYPE_CHECKING:
    import pandas as pd

_POINTS = 25
"""Points along a fitted line."""
_MOST_TICKS = 10


def best_of_n_figure(results: Sequence[BestOfNResult], subset: str = OVERALL) -> FigureSpec:
    """Return gold and proxy against the distance √KL and against n, with the fit of Gao et al. up to the limit.

    Args:
        results: Curves of one benchmark with one gold and the same n.
        subset: Subset to show, "overall" for the mean of all.

    Returns:
        Four panels: gold above, proxy below, against √KL and against n. Thin lines are the fits: what lies between a
        curve and its thin line is the residual. The proxy is shown in standard deviations of each prompt's proxies, so
        that rewards of any unit share an axis.

    Raises:
        ResultError: There are no results, or they don't belong together.
        UnknownNameError: There is no such subset.
    """
    parts = [subset_of(result, subset) for result in together(results)]
    first = results[0]
    chance = parts[0].gold.mean[0]
    gold = [_Line(result.entry.name, part.gold, part.fit, chance) for result, part in zip(results, parts, strict=True)]
    proxy = [
        _Line(result.entry.name, part.proxy_gain, part.proxy_fit) for result, part in zip(results, parts, strict=True)
    ]
    panels = [
        *_panels(first, "Gold", _gold_title(first.gold), gold, {"chance (n = 1)": chance}),
        *_panels(first, "Proxy", "gain (standard deviations)", proxy, {}),
    ]
    return FigureSpec(_title(results, parts, subset), panels, _note(first, parts), per_row=2)


def curves_of(results: Sequence[BestOfNResult]) -> pd.DataFrame:
    """Return the curves of several results as one frame: entry, subset, n, kl, and all that `result.curves` holds.

    Args:
        results: Curves of one benchmark.
    """
    import pandas as pd

    frames = [result.curves for result in results]
    for frame, result in zip(frames, results, strict=True):
        frame.insert(0, "entry", result.entry.name)
    table: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return table


def subset_of(result: BestOfNResult, subset: str) -> BestOfNSubset:
    """Return the curves of a subset by name.

    Raises:
        UnknownNameError: There is no such subset.
    """
    if subset == OVERALL:
        return result.overall
    if subset not in result.subsets:
        raise unknown_name("subset", subset, [*result.subsets, OVERALL])
    return result.subsets[subset]


def together(results: Sequence[BestOfNResult]) -> Sequence[BestOfNResult]:
    """Return results that belong together as they are.

    Raises:
        ResultError: There are none, or they differ in benchmark, votes, gold, n or limit.
    """
    if not results:
        raise ResultError("Expected at least one result, got none.")
    first = results[0]
    for result in results[1:]:
        for what, same in (
            ("benchmarks", result.benchmark.fingerprint == first.benchmark.fingerprint),
            ("golds", result.gold_fingerprint == first.gold_fingerprint),
            ("n", (result.n, result.limit) == (first.n, first.limit)),
        ):
            if not same:
                raise ResultError(
                    f"Curves with different {what} can't be shown together: "
                    f"those of {first.entry.name} and of {result.entry.name}."
                )
    return results


class _Line(NamedTuple):
    """One entry's curve with its fit, which starts at a level."""

    name: str
    curve: MeanCurve
    fit: FrontierFit | None
    start: float = 0.0


def _panels(
    result: BestOfNResult, title: str, y_title: str, lines: list[_Line], levels: dict[str, float]
) -> tuple[Curves, Curves]:
    """Return curves against √KL, with their fits, and against n."""
    distance = np.sqrt(result.kl)
    fits = [
        Curve(line.name, within.tolist(), (line.start + fitted(line.fit, within)).tolist(), thin=True)
        for within in [np.linspace(0, distance[result.n.index(result.limit)], _POINTS)]
        for line in lines
        if line.fit is not None
    ]
    by_distance = [*(_curve(line, distance.tolist()) for line in lines), *fits]
    by_number = [_curve(line, result.n) for line in lines]
    return (
        Curves(f"{title} against the distance from n = 1", "√KL (√nats)", y_title, by_distance, levels=levels),
        Curves(f"{title} against n", "n", y_title, by_number, log=True, levels=levels, ticks=_ticks(result.n)),
    )


def _curve(line: _Line, x: Sequence[float]) -> Curve:
    curve = line.curve
    if all(math.isnan(low) for low in curve.low):
        return Curve(line.name, x, curve.mean)
    return Curve(line.name, x, curve.mean, curve.low, curve.high)


def _ticks(n: list[int]) -> list[float]:
    """Return the n to label: powers of two, every other one where they are many."""
    powers = [float(number) for number in n if number & (number - 1) == 0]
    return powers[:: 1 + len(powers) // _MOST_TICKS]


def _gold_title(gold: str) -> str:
    return {"human_score": "human score", "label": "share aligned"}.get(gold, f"gold ({gold})")


def _title(results: Sequence[BestOfNResult], parts: Sequence[BestOfNSubset], subset: str) -> str:
    limit = results[0].limit
    falling = [
        result.entry.name
        for result, part in zip(results, parts, strict=True)
        if part.peak is not None and part.peak.inside
    ]
    where = "" if subset == OVERALL else f" ({subset})"
    if not falling:
        return f"Best of n{where}: no proxy peaks within n ≤ {limit}"
    return f"Best of n{where}: the gold peaks and falls within n ≤ {limit} for {', '.join(falling)}"


def _note(first: BestOfNResult, parts: Sequence[BestOfNSubset]) -> str:
    prompts = f"{first.benchmark.name}: mean over {parts[0].prompts} prompts, pointwise 95 % intervals over prompts. "
    rms = [part.fit.rms for part in parts if part.fit is not None]
    fit = f" Thin: fits d (α − β d), d = √KL, rms residual {max(rms):.2g} at most." if rms else ""
    best = parts[0].oracle.mean[first.n.index(first.limit)]
    ties = max(kl - tied for part in parts for kl, tied in zip(first.kl, part.kl_with_ties, strict=True))
    bound = (
        f" KL = log n − (n − 1) / n is an upper bound here, by up to {ties:.2g} nats, since proxies tie."
        if ties > 5e-3
        else ""
    )
    return (
        f"{prompts}Few independent choices stand behind n > {first.limit}.{fit} Choosing by the gold itself would give "
        f"{best:.3f} at n = {first.limit}.{bound}"
    )
