"""Does what one benchmark says about reward models hold on another?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.analysis._generalization_text import figure_of, findings_of
from tia2.analysis.entries import Entries
from tia2.analysis.outcome import Analysis
from tia2.benchmark.fingerprints import difference
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.bootstrap import RESAMPLES, interval, resampled
from tia2.evaluation.comparing.random_effects import random_effects
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel
from tia2.evaluation.summary import OVERALL

if TYPE_CHECKING:
    from tia2.calibration import Calibration
    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]

FEWEST_RANKED = 3
"""Models from which on ranks are correlated: with two, they agree or they don't."""


def generalization(
    tables: Sequence[ScoreTable],
    *,
    families: Mapping[str, str] | None = None,
    calibration: Calibration | None = None,
    metric: str = "auroc",
    pooled: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Analysis:
    """Ask whether several benchmarks say the same about the models that they share.

    Models are one where they have one name, or are put into one family. On each benchmark a model's figure is the mean
    over prompts, of several subsets the mean of theirs. For every pair of models that two benchmarks or more share,
    the differences d of their figures are combined by a random-effects model (`random_effects`), d's standard error
    being that over resamples of the prompts; what a next benchmark shows is predicted from three on. For every two
    benchmarks, Kendall's τ says how far they rank the models alike, with an interval over resamples of both benchmarks'
    prompts, which leans towards 0, as noise in the figures makes ranks differ. And of the differences that are settled
    on one benchmark, a figure says how many have the same sign on the other.

    Args:
        tables: Score tables of two benchmarks or more, at least two of the models on two of them.
        families: Name of the family by a model's name, for models that are named otherwise elsewhere, or that are of
            one kind.
        calibration: Calibration whose values are judged, applied to each model on its own; the raw rewards if None.
        metric: Name of the metric.
        pooled: Whether to take the figure over all items of a subset at once, rather than within prompts. Only AUROC
            has intervals then.
        seed: Seed of the bootstrap; each benchmark has draws of its own.
        resamples: Number of resamples of the prompts.

    Returns:
        A map of figures and a forest of differences; a table whose column `question` says what a row is: "figure" (of
        model `a` on `b`), "difference" (of model `a` less `b` over `benchmarks` benchmarks), "ranks" (of benchmarks `a`
        and `b` over `models` models) and "prediction" (share of the differences settled on `a` that have the same sign
        on `b`).

    Raises:
        UnknownNameError: There is no such metric.
        ResultError: Fewer than two benchmarks share two models; a benchmark has two tables of one model or family; or
            pooled intervals were asked of a metric that has none.

    Example:
        >>> tables = [tia2.ScoreTable.load(path) for path in ("runs/a/CLIP", "runs/b/CLIP")]  # doctest: +SKIP
        >>> generalization(tables).save("runs/analysis")  # doctest: +SKIP
    """
    import pandas as pd

    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if pooled and METRICS[metric].pooled_resamples is None:
        able = ", ".join(name for name in METRICS if METRICS[name].pooled_resamples is not None)
        raise ResultError(f"Pooled figures of {metric} have no intervals; choose {able}, or figures within prompts.")
    groups = _by_benchmark(tables, families or {})
    shared = _shared(groups)
    measured = [
        _Measured.of(name, {model: of[model] for model in shared if model in of}, calibration, metric, pooled,
                     seed + number, resamples)
        for number, (name, of) in enumerate(groups.items())
    ]  # fmt: skip
    measured = [benchmark for benchmark in measured if benchmark.models]
    rows = [
        *(row for benchmark in measured for row in benchmark.rows()),
        *(row for a, b in combinations(shared, 2) if (row := _difference(measured, a, b))),
        *(row for a, b in combinations(measured, 2) if (row := _ranks(a, b))),
        *(row for a, b in permutations(measured, 2) if (row := _prediction(a, b))),
    ]
    frame = pd.DataFrame(rows)
    title = METRICS[metric].title + (", pooled" if pooled else "")
    return Analysis(
        name="generalization",
        findings=findings_of(frame, title),
        figure=figure_of(frame, title, shared, [benchmark.name for benchmark in measured]),
        table=frame,
        shown={"question": "question", "a": "a", "b": "b", "benchmarks": "benchmarks", "value": "value",
               "low": "low", "high": "high", "i2": "I²", "each": "each"},
    )  # fmt: skip


def _by_benchmark(tables: Sequence[ScoreTable], families: Mapping[str, str]) -> dict[str, dict[str, ScoreTable]]:
    """Return the tables by benchmark and model, benchmarks in the order in which they come."""
    firsts: list[ScoreTable] = []
    names: list[str] = []
    groups: dict[str, dict[str, ScoreTable]] = {}
    unused = set(families)
    for table in tables:
        benchmark = table.manifest.benchmark
        alike = (n for n, first in enumerate(firsts) if difference(first.manifest.benchmark, benchmark) is None)
        position = next(alike, len(firsts))
        if position == len(firsts):
            firsts.append(table)
            namesakes = sum(first.manifest.benchmark.name == benchmark.name for first in firsts)
            names.append(benchmark.name if namesakes == 1 else f"{benchmark.name} ({namesakes})")
            groups[names[-1]] = {}
        unused.discard(table.name)
        model = families.get(table.name, table.name)
        of = groups[names[position]]
        if model in of:
            raise ResultError(
                f"{names[position]} has two tables of {model}: {of[model].name} and {table.name}. Give one of them."
            )
        of[model] = table
    if unused:
        raise unknown_name("model", sorted(unused)[0], sorted({table.name for table in tables}))
    return groups


def _shared(groups: Mapping[str, Mapping[str, ScoreTable]]) -> list[str]:
    """Return the models that two benchmarks or more have, in the order in which they come."""
    models = list(dict.fromkeys(model for of in groups.values() for model in of))
    shared = [model for model in models if sum(model in of for of in groups.values()) > 1]
    together = any(sum(a in of and b in of for of in groups.values()) > 1 for a, b in combinations(shared, 2))
    if not together:
        listing = "; ".join(f"{name}: {', '.join(of)}" for name, of in groups.items())
        raise ResultError(
            f"Expected two models that two benchmarks share, got {listing or 'nothing'}. Where a model is named "
            "otherwise on another benchmark, put both names into one family."
        )
    return shared


@dataclass(frozen=True)
class _Measured:
    """Figures of models on one benchmark.

    Attributes:
        name: Name of the benchmark.
        models: Names of the models.
        figures: One figure per model, shape (models,).
        draws: Figures over resamples of the prompts, shape (resamples, models).
        strata: Figures of each subset's prompts, shape (prompts, models) each; empty for pooled figures.
    """

    name: str
    models: list[str]
    figures: Floats
    draws: Floats
    strata: list[Floats]

    @classmethod
    def of(
        cls, name: str, tables: Mapping[str, ScoreTable], calibration: Calibration | None, metric: str, pooled: bool,
        seed: int, resamples: int,
    ) -> _Measured:  # fmt: skip
        if not tables:
            return cls(name, [], np.zeros(0), np.zeros((resamples, 0)), [])
        entries = Entries.of(list(tables.values()))
        values = entries.raw
        if calibration is not None:
            values, reasons = entries.calibrated(calibration)
            if reasons:
                raise ResultError(f"{name}: {next(iter(reasons.values()))}")
        panel = Panel.of(entries.items, entries.scored, seed=seed, resamples=resamples)
        subsets = panel.averaged_subsets(OVERALL, metric)
        if not subsets or any(panel.used_rows(subset, metric).sum() < 2 for subset in subsets):
            raise ResultError(f"{name} has a subset with fewer than two prompts that {metric} can be computed on.")
        if pooled:
            pools = [panel.pools(of_model, [metric])[metric] for of_model in values]
            figures = np.array([np.mean([pool.figures[subset] for subset in subsets]) for pool in pools])
            draws = np.stack([np.mean([pool.draws[subset] for subset in subsets], axis=0) for pool in pools], axis=1)
            # A resample of prompts whose items all have one label has no pooled figure.
            return cls(name, list(tables), figures, draws[np.isfinite(draws).all(axis=1)], [])
        within = np.stack([panel.figure(of_model, metric) for of_model in values], axis=1)
        strata = [within[panel.used_rows(subset, metric)] for subset in subsets]
        means = [resampled(part, resamples, seed, subset).means for part, subset in zip(strata, subsets, strict=True)]
        figures = np.mean([part.mean(axis=0) for part in strata], axis=0)
        return cls(name, list(tables), figures, np.mean(means, axis=0), strata)

    def ends(self, weights: Floats) -> tuple[float, float]:
        """Return the interval of a combination of the models' figures."""
        if self.strata:
            return interval(self.draws @ weights, [part @ weights for part in self.strata])
        low, high = np.quantile(self.draws @ weights, [0.025, 0.975])
        return float(low), float(high)

    def weights(self, a: str, b: str = "") -> Floats:
        """Return the combination that is the figure of a model, or the difference of two."""
        names = np.array(self.models)
        combination: Floats = (names == a).astype(np.float64) - (names == b)
        return combination

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of the table per model."""
        rows = []
        for model in self.models:
            weights = self.weights(model)
            low, high = self.ends(weights)
            rows.append({"question": "figure", "a": model, "b": self.name, "benchmarks": 1,
                         "value": float(self.figures @ weights), "low": low, "high": high})  # fmt: skip
        return rows

    def sign(self, a: str, b: str) -> tuple[int, bool]:
        """Return the sign of a difference, and whether its interval leaves out 0."""
        weights = self.weights(a, b)
        low, high = self.ends(weights)
        return int(np.sign(self.figures @ weights)), low > 0 or high < 0


def _difference(benchmarks: Sequence[_Measured], a: str, b: str) -> dict[str, Any] | None:
    """Return the row of two models' difference over benchmarks; None where fewer than two have both."""
    both = [benchmark for benchmark in benchmarks if a in benchmark.models and b in benchmark.models]
    if len(both) < 2:
        return None
    differences = [float(benchmark.figures @ benchmark.weights(a, b)) for benchmark in both]
    variances = [float((benchmark.draws @ benchmark.weights(a, b)).var(ddof=1)) for benchmark in both]
    signs = [benchmark.sign(a, b) for benchmark in both]
    settled = {sign for sign, certain in signs if certain}
    row: dict[str, Any] = {
        "question": "difference",
        "a": a,
        "b": b,
        "benchmarks": len(both),
        "settled": sum(certain for _, certain in signs),
        "against": int(len(settled) > 1),
        "each": ", ".join(f"{x.name} {d:+.3f}" for x, d in zip(both, differences, strict=True)),
    }
    if min(variances) > 0:  # Two models whose values order all items alike differ by 0 in every resample.
        together = random_effects(differences, variances)
        row |= {"value": together.mean, "low": together.low, "high": together.high, "tau": together.tau,
                "i2": together.i2, "p": together.p, "predicted_low": together.predicted_low,
                "predicted_high": together.predicted_high}  # fmt: skip
    else:
        row |= {"value": float(np.mean(differences))}
    return row


def _ranks(first: _Measured, other: _Measured) -> dict[str, Any] | None:
    """Return the row of the rank agreement of two benchmarks; None where they share fewer than three models."""
    models = [model for model in first.models if model in other.models]
    if len(models) < FEWEST_RANKED:
        return None
    columns = [[benchmark.models.index(model) for model in models] for benchmark in (first, other)]
    drawn = min(len(first.draws), len(other.draws))
    taus = _kendall(first.draws[:drawn, columns[0]], other.draws[:drawn, columns[1]])
    low, high = np.quantile(taus, [0.025, 0.975])
    tau = _kendall(first.figures[None, columns[0]], other.figures[None, columns[1]])[0]
    return {"question": "ranks", "a": first.name, "b": other.name, "benchmarks": 2, "models": len(models),
            "value": float(tau), "low": float(low), "high": float(high)}  # fmt: skip


def _kendall(a: Floats, b: Floats) -> Floats:
    """Return Kendall's τ-b between rows of two arrays, shape (rows,); 0 where all values of a row are equal."""
    first, second = np.triu_indices(a.shape[1], 1)
    x, y = np.sign(a[:, first] - a[:, second]), np.sign(b[:, first] - b[:, second])
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    tau: Floats = np.divide((x * y).sum(axis=1), scale, out=np.zeros(len(a)), where=scale > 0)
    return tau


def _prediction(first: _Measured, other: _Measured) -> dict[str, Any] | None:
    """Return how many differences that are settled on one benchmark have the same sign on another."""
    models = [model for model in first.models if model in other.models]
    same = against = settled = 0
    for a, b in combinations(models, 2):
        sign, certain = first.sign(a, b)
        if not certain:
            continue
        settled += 1
        there, certain_there = other.sign(a, b)
        same += sign == there
        against += sign == -there and certain_there
    if not settled:
        return None
    return {"question": "prediction", "a": first.name, "b": other.name, "benchmarks": 2, "models": len(models),
            "settled": settled, "against": against, "value": same / settled}  # fmt: skip
