"""Do reward models err on the same images, and what can an ensemble of them gain?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.entries import Entries, panel_of
from tia2.analysis.outcome import Analysis
from tia2.calibration import Calibration, TextNorm
from tia2.evaluation.bootstrap import RESAMPLES, UNKNOWN, Interval, expanded, resampled
from tia2.evaluation.panel import Panel
from tia2.evaluation.summary import OVERALL
from tia2.figures import FigureSpec, Heatmap, Scatter, ScatterPoint

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]

LABELLED = 4
"""With more pairs of models than this, the figure labels only the two highest gains and the lowest."""


def errors(
    tables: Sequence[ScoreTable],
    *,
    calibration: Calibration | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Analysis:
    """Correlate the errors of every pair of reward models, and measure what ensembles gain.

    An error is a pair of an aligned and another item of one prompt that a model's values order wrongly: e = 1 where the
    aligned item's value is lower, ½ where the values are tied, 0 where it is higher. So a model's mean error within a
    prompt is 1 − AUROC. With the means m of two models' errors over the pairs of a prompt, and averages over prompts,

        correlation = mean(mean(e₁e₂) − m₁m₂) / √(mean(mean(e₁²) − m₁²) · mean(mean(e₂²) − m₂²)).

    1: they err on the same pairs, and an ensemble has little to gain; 0: independently within prompts. Both wrong is
    the mean of e₁e₂, a tie being an independent toss; one minus it is what choosing the better of the two for every
    pair would reach. The gain is the AUROC of the mean ensemble of the models' TextNorm values less that of its better
    member, which is the better one on the same subset: found on the labels, so in the member's favour.

    Args:
        tables: Score tables of one benchmark, at least two.
        calibration: Calibration whose values order the items, applied to each model on its own; the raw rewards if
            None. A model that can't be calibrated keeps its raw rewards. The gain is always that of TextNorm at
            documented temperatures.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        A map of correlations, and correlation against gain; a table with one row for each subset and pair, and with
        three models or more one for all of them. Models that can't be calibrated have no gain.

    Raises:
        ResultError: Fewer than two tables, or they don't belong together; the calibration is an ensemble.

    Example:
        >>> tables = [tia2.ScoreTable.load(f"runs/{name}") for name in ("mini-strong", "mini-web")]  # doctest: +SKIP
        >>> errors(tables).save("runs/analysis")  # doctest: +SKIP
    """
    import pandas as pd

    entries = Entries.of(tables, fewest=2)
    panel = panel_of(entries.items, entries.scored, seed=seed, resamples=resamples)
    values = entries.raw
    reasons: dict[str, str] = {}
    if calibration is not None:
        calibrated, reasons = entries.calibrated(calibration)
        kept = np.array([name in reasons for name in entries.names])
        values = np.where(kept[:, None], values, calibrated)
    counted = _Errors.of(panel, values)
    groups = [list(pair) for pair in combinations(range(len(entries)), 2)]
    if len(entries) > 2:
        groups.append(list(range(len(entries))))
    gains = _Gains.of(panel, entries, groups)
    rows = [row for subset in panel.scopes for row in _rows(panel, entries.names, groups, counted, gains, subset)]
    frame = pd.DataFrame(rows)
    return Analysis(
        name="errors",
        findings=[*_findings(frame), *_reasons(gains.reasons, reasons)],
        figure=_figure(frame, entries.names),
        table=frame,
        shown={"subset": "subset", "models": "models", "correlation": "correlation", "both_wrong": "both wrong",
               "gain": "gain", "gain_low": "low", "gain_high": "high"},
    )  # fmt: skip


@dataclass(frozen=True)
class _Errors:
    """Moments of the errors within each prompt.

    Attributes:
        mean: Mean error of every model, shape (prompts, models).
        product: Mean of e₁e₂ of every two models, shape (prompts, models, models).
        all_wrong: Mean of the product of all models' errors, shape (prompts,).
    """

    mean: Floats
    product: Floats
    all_wrong: Floats

    @classmethod
    def of(cls, panel: Panel, values: Floats) -> _Errors:
        models, number = len(values), len(panel.labels)
        moments = cls(
            np.full((number, models), np.nan), np.full((number, models, models), np.nan), np.full(number, np.nan)
        )
        grouped = panel.grouped(values)
        for row in np.flatnonzero(panel.used):
            of_prompt, labels = grouped[:, row], panel.labels[row]
            aligned = of_prompt[:, labels, None]
            other = of_prompt[:, None, panel.mask[row] & ~labels]
            wrong = ((aligned < other) + 0.5 * (aligned == other)).reshape(models, -1)
            moments.mean[row] = wrong.mean(axis=1)
            moments.product[row] = wrong @ wrong.T / wrong.shape[1]
            moments.all_wrong[row] = wrong.prod(axis=0).mean()
        return moments

    def covariances(self) -> Floats:
        """Return covariances within prompts, shape (prompts, models, models), the variances on the diagonal."""
        covariances: Floats = self.product - self.mean[:, :, None] * self.mean[:, None, :]
        return covariances

    def correlations(self, panel: Panel, groups: list[list[int]], subset: str) -> list[Interval]:
        """Return the correlation of every pair, of a larger group the mean over its pairs, with intervals."""
        first, second = np.array(list(combinations(range(self.mean.shape[1]), 2))).T
        covariances = self.covariances()
        columns = (
            covariances[:, first, second],
            np.ascontiguousarray(np.einsum("pmm->pm", covariances)),
        )
        names = panel.subsets if subset == OVERALL else [subset]
        # Sums are resampled rather than correlations, since a correlation isn't the mean of the prompts' correlations.
        drawn: list[list[Floats]] = [[], []]
        strata: list[list[Floats]] = [[], []]
        for name in names:
            rows = panel.used_rows(name)
            for kind, column in enumerate(columns):
                part = resampled(column[rows], panel.resamples, panel.seed, name)
                strata[kind].append(part.figures)
                drawn[kind].append(part.means)
        between, spread = (np.mean(parts, axis=0) for parts in drawn)
        observed, variances = (np.mean([part.mean(axis=0) for part in parts], axis=0) for parts in strata)
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = between / np.sqrt(spread[:, first] * spread[:, second])
            scale = np.sqrt(variances[first] * variances[second])
            correlation = observed / scale
            # How much one prompt moves the correlation: its share of the sampling variance, to first order.
            moves = [
                c / scale - correlation / 2 * (v[:, first] / variances[first] + v[:, second] / variances[second])
                for c, v in zip(*strata, strict=True)
            ]
        sizes = np.array([len(part) for part in moves])
        pairs = {(int(a), int(b)): number for number, (a, b) in enumerate(zip(first, second, strict=True))}
        intervals = []
        for group in groups:
            chosen = [pairs[a, b] for a, b in combinations(group, 2)]
            draws_of_group = draws[:, chosen].mean(axis=1)
            draws_of_group = draws_of_group[np.isfinite(draws_of_group)]
            if not draws_of_group.size:
                intervals.append(UNKNOWN)
                continue
            sampling = np.array([part[:, chosen].mean(axis=1).var(ddof=1) / len(part) for part in moves])
            intervals.append(
                Interval(float(correlation[chosen].mean()), *expanded(draws_of_group, np.nan_to_num(sampling), sizes))
            )
        return intervals


@dataclass(frozen=True)
class _Gains:
    """What ensembles reach.

    Attributes:
        singles: AUROC of each model's TextNorm values, shape (models, prompts); NaN for models without.
        members: The members of each group's ensemble; empty where it has none.
        ensembles: AUROC of each group's, shape (groups, prompts).
        reasons: Why models have none, by name.
    """

    singles: Floats
    members: list[list[int]]
    ensembles: Floats
    reasons: dict[str, str]

    @classmethod
    def of(cls, panel: Panel, entries: Entries, groups: list[list[int]]) -> _Gains:
        textnorm, reasons = entries.calibrated(TextNorm())
        able = [name not in reasons for name in entries.names]
        unknown = np.full(len(panel.used), np.nan)
        singles = np.stack(
            [panel.figure(values, "auroc") if able[number] else unknown for number, values in enumerate(textnorm)]
        )
        members = []
        for group in groups:
            chosen = [number for number in group if able[number]]
            members.append(chosen if len(chosen) > 1 else [])
        ensembles = [panel.figure(textnorm[chosen].mean(axis=0), "auroc") if chosen else unknown for chosen in members]
        return cls(singles, members, np.stack(ensembles), reasons)


def _rows(
    panel: Panel, names: list[str], groups: list[list[int]], counted: _Errors, gains: _Gains, subset: str
) -> list[dict[str, str | float]]:
    def mean(figures: Floats) -> float:
        parts = panel.subsets if subset == OVERALL else [subset]
        return float(np.mean([figures[panel.used_rows(name)].mean() for name in parts]))

    single = [mean(figures) for figures in gains.singles]
    best = [max(chosen, key=single.__getitem__, default=-1) for chosen in gains.members]
    gaps = np.stack([ensemble - gains.singles[number] for ensemble, number in zip(gains.ensembles, best, strict=True)])
    gain_intervals = panel.intervals(np.where(np.array(best)[:, None] < 0, np.nan, gaps), subset)
    rows: list[dict[str, str | float]] = []
    correlations = counted.correlations(panel, groups, subset)
    for number, (group, correlation, gain) in enumerate(zip(groups, correlations, gain_intervals, strict=True)):
        a, b = group[0], group[-1]
        pair = len(group) == 2
        both = mean(counted.product[:, a, b] if pair else counted.all_wrong)
        has_gain = best[number] >= 0
        rows.append(
            {
                "subset": subset,
                "models": " & ".join((names[a], names[b])) if pair else f"all {len(group)}",
                "a": names[a] if pair else "",
                "b": names[b] if pair else "",
                "prompts": int(panel.used_rows(subset).sum()),
                "correlation": correlation.mean,
                "correlation_low": correlation.low,
                "correlation_high": correlation.high,
                "error_a": mean(counted.mean[:, a]) if pair else float("nan"),
                "error_b": mean(counted.mean[:, b]) if pair else float("nan"),
                "both_wrong": both,
                "one_right": 1 - both,
                "members": len(gains.members[number]),
                "better": names[best[number]] if has_gain else "",
                "better_auroc": single[best[number]] if has_gain else float("nan"),
                "ensemble_auroc": mean(gains.ensembles[number]),
                "gain": gain.mean,
                "gain_low": gain.low,
                "gain_high": gain.high,
            }
        )
    return rows


def _findings(frame: pd.DataFrame) -> list[str]:
    last = frame[frame["subset"] == frame["subset"].iloc[-1]]
    where = str(last["subset"].iloc[0])
    pairs, every = last[last["a"] != ""], last[last["a"] == ""]
    sentences = []
    correlated = pairs.dropna(subset="correlation").sort_values("correlation", ascending=False, kind="stable")
    if len(correlated):
        most, least = correlated.iloc[0], correlated.iloc[-1]
        sentence = (
            f"{most['models']} err {'most ' * (len(correlated) > 1)}alike: their errors correlate "
            f"{most['correlation']:.2f} ({most['correlation_low']:.2f} to {most['correlation_high']:.2f}; {where})"
        )
        if len(correlated) > 1:
            sentence += (
                f"; {least['models']} least, {least['correlation']:.2f} ({least['correlation_low']:.2f} to "
                f"{least['correlation_high']:.2f})"
            )
        sentences.append(sentence + ".")
    gained = pairs.dropna(subset="gain")
    if len(gained):
        row = gained.loc[gained["gain"].idxmax()]
        sentence = (
            f"The mean ensemble of {row['models']} gains {row['gain']:+.3f} AUROC ({row['gain_low']:+.3f} to "
            f"{row['gain_high']:+.3f}) over {row['better']}, its better member"
        )
        if len(gained) > 1:
            above = int((gained["gain_low"] > 0).sum())
            sentence += f", the most of {len(gained)} pairs; {above} of their intervals lie above 0"
        sentences.append(sentence + ".")
    for _, row in every.dropna(subset="gain").iterrows():
        sentences.append(
            f"The mean ensemble of {row['members']} models reaches {row['ensemble_auroc']:.3f} AUROC, "
            f"{row['gain']:+.3f} ({row['gain_low']:+.3f} to {row['gain_high']:+.3f}) from "
            f"{row['better']}, the best of them."
        )
    if len(pairs):
        row = (every if len(every) else pairs).iloc[0]
        who = "all models" if len(every) else "both models"
        sentences.append(
            f"On {100 * row['both_wrong']:.1f} % of the pairs of an aligned and another image {who} are wrong: an "
            f"oracle that chose the right model for every pair would reach {row['one_right']:.3f} AUROC."
        )
    return sentences


def _reasons(of_gain: dict[str, str], of_errors: dict[str, str]) -> list[str]:
    return [
        *(f"No gain with {names}: {reason}" for reason, names in _by_reason(of_gain).items()),
        *(f"The errors of {names} are those of raw rewards: {why}" for why, names in _by_reason(of_errors).items()),
    ]


def _by_reason(reasons: dict[str, str]) -> dict[str, str]:
    """Return the names that share a reason, by reason."""
    return {reason: ", ".join(name for name, text in reasons.items() if text == reason) for reason in reasons.values()}


def _figure(frame: pd.DataFrame, names: list[str]) -> FigureSpec:
    last = frame["subset"].iloc[-1]
    pairs = frame[frame["a"] != ""]
    cells = np.eye(len(names))
    positions = {name: number for number, name in enumerate(names)}
    for _, row in pairs[pairs["subset"] == last].iterrows():
        a, b = positions[row["a"]], positions[row["b"]]
        cells[a, b] = cells[b, a] = row["correlation"]
    panels: list[Heatmap | Scatter] = [
        Heatmap(
            f"correlation of errors, {last}",
            names,
            names,
            cells.tolist(),
            [["" if np.isnan(cell) else f"{cell:.2f}" for cell in line] for line in cells],
            (-1.0, 1.0),
        )
    ]
    drawn = pairs.dropna(subset=["correlation", "gain"])
    of_last = drawn[drawn["subset"] == last].sort_values("gain", kind="stable")
    named = set(of_last["models"] if len(of_last) <= LABELLED else of_last["models"].iloc[[0, -2, -1]])
    points = [
        ScatterPoint(
            row["correlation"],
            row["gain"],
            row["subset"],
            f"{row['models']}, {row['subset']}",
            row["models"] if row["subset"] == last and row["models"] in named else "",
        )
        for _, row in drawn.iterrows()
    ]
    if points:
        panels.append(
            Scatter(
                "what ensembles of two gain",
                "correlation of errors",
                "AUROC - better member's",
                points,
                levels={"better member": 0.0},
            )
        )
    return FigureSpec(
        "Where models err alike, and what their ensembles gain",
        panels,
        "An error is a pair of an aligned and another image of one prompt in the wrong order; correlations are within "
        "prompts. Ensembles are means of TextNorm values at documented temperatures; the better member is found on the "
        "same subset's labels.",
    )
