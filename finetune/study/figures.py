"""The figures of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tia2.figures import Curve, Curves, FigureSpec, Scatter, ScatterPoint

from ..diagnostics.curves import RunCurves
from .outcome import PoolOutcome
from .results import StudyResults

_BAND = "Lines are means over seeds, bands reach from the lowest seed to the highest."
_GOLD = "images that the exact judge accepts"


def gold_figure(results: StudyResults) -> FigureSpec:
    """Return gold against √KL, a panel per group of conditions."""
    panels = [
        Curves(group, "√KL from the base model, √nats", _GOLD, curves)
        for group, curves in _grouped(results, _gold_against_distance).items()
    ]
    return FigureSpec("Trained by DDPO or RWR: what the exact judge says along the way", panels, _BAND, per_row=3)


def proxy_figure(results: StudyResults) -> FigureSpec:
    """Return the proxies that were trained on against optimiser steps, a panel per group of conditions."""
    panels = [
        Curves(group, "optimiser steps", "proxy, gain over the base model", curves)
        for group, curves in _grouped(results, _proxy_against_updates).items()
    ]
    return FigureSpec("The proxies that were trained on", panels, _BAND, per_row=3)


def choice_figure(results: StudyResults) -> FigureSpec:
    """Return gold under best-of-n, a panel per group of conditions."""
    choices = results.choices
    panels = []
    for group in _groups(results):
        curves = [
            _choice_curve(results.plan.condition(name).series, choices[name])
            for name in choices
            if results.plan.condition(name).group == group
        ]
        if curves:
            panels.append(Curves(group, "n, images chosen among", _GOLD, curves, log=True, ticks=(1, 4, 16, 64)))
    return FigureSpec("Best-of-n on the base model's images", panels, _BAND, per_row=3)


def forecast_figure(results: StudyResults) -> FigureSpec:
    """Return gold after training against what is known without training, a point per condition."""
    choices, outcomes = results.choices, results.outcomes
    names = [name for name in choices if name in outcomes]

    def points(static: Mapping[str, float]) -> list[ScatterPoint]:
        return [
            ScatterPoint(
                static[name], outcomes[name].change.mean, "conditions", results.title(name), results.title(name)
            )
            for name in names
        ]

    after = "change of gold by training"
    largest = max((choices[name].n[-1] for name in names), default=1)
    panels = [
        Scatter("AUROC within prompts", "AUROC on the base model's images", after,
                points({name: choices[name].auroc.mean for name in names})),
        Scatter(f"Best of {largest}", f"change of gold by best of {largest}", after,
                points({name: choices[name].change.mean for name in names})),
    ]  # fmt: skip
    return FigureSpec("Can it be foretold without training?", panels, "One point per condition.", per_row=2)


def _grouped(results: StudyResults, curve: Callable[[str, Mapping[int, RunCurves]], Curve]) -> dict[str, list[Curve]]:
    grouped: dict[str, list[Curve]] = {}
    for name, runs in results.curves.items():
        condition = results.plan.condition(name)
        grouped.setdefault(condition.group, []).append(curve(condition.series, runs))
    return grouped


def _groups(results: StudyResults) -> list[str]:
    return list(dict.fromkeys(condition.group for condition in results.plan.conditions))


def _gold_against_distance(title: str, runs: Mapping[int, RunCurves]) -> Curve:
    gold = np.array([each.part("gold").mean(axis=(1, 2)) for each in runs.values()])
    distance = np.sqrt(np.maximum([each.kl for each in runs.values()], 0)).mean(axis=0)
    return Curve(title, distance.tolist(), *_mean_and_reach(gold))


def _proxy_against_updates(title: str, runs: Mapping[int, RunCurves]) -> Curve:
    proxy = np.array([each.part("proxy").mean(axis=(1, 2)) for each in runs.values()])
    updates = next(iter(runs.values())).updates
    return Curve(title, updates.tolist(), *_mean_and_reach(proxy - proxy[:, :1]))


def _choice_curve(title: str, choice: PoolOutcome) -> Curve:
    return Curve(title, list(choice.n), *_mean_and_reach(choice.gold))


def _mean_and_reach(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> tuple[list[float], list[float], list[float]]:
    return values.mean(axis=0).tolist(), values.min(axis=0).tolist(), values.max(axis=0).tolist()
