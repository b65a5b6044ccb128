"""The figures of a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tia2.figures import Curve, Curves, FigureSpec

from .records import JudgeCurve, Report

KL_AXIS = "√KL from the base model, √nats"
STEPS_AXIS = "optimiser steps"
_UNITS = {"colour entropy": "bits", "file size": "bytes per pixel", "saturation": "0 to 1"}


def overview(report: Report) -> FigureSpec:
    """Return proxy and gold against √KL, and gold against the proxy, with the peak marked."""
    distance = _distance(report)
    proxy, gold = report.curve("proxy"), report.curve("gold")
    peak = {"peak": distance[report.position(report.peaks[0].peak_epoch)]} if report.peaks else {}
    panels = []
    if proxy is not None:
        panels.append(Curves("Proxy climbs?", KL_AXIS, proxy.name, [_curve(proxy, distance)], uprights=peak))
    if gold is not None:
        curves = [_curve(gold, distance), *_fitted(report, gold, distance)]
        panels.append(Curves("Does gold follow?", KL_AXIS, gold.name, curves, uprights=peak))
    if proxy is not None and gold is not None:
        path = Curve(_name(gold), proxy.mean, gold.mean)
        at_peak = {"peak": proxy.mean[report.position(report.peaks[0].peak_epoch)]} if report.peaks else {}
        panels.append(Curves("Gold against the proxy", proxy.name, gold.name, [path], uprights=at_peak))
    return FigureSpec(report.verdict, panels, note(report), per_row=3)


def judges(report: Report) -> FigureSpec:
    """Return the gains of all judges in one unit, on trained and on held-out prompts, and the diversity."""
    panels = []
    for split, title in (("train", "Trained prompts"), ("held-out", "Held-out prompts")):
        lines = [curve for curve in report.curves if curve.split == split]
        if lines:
            curves = [Curve(_name(line), report.updates, line.gains()) for line in lines]
            unit = "gain, standard deviations"
            panels.append(Curves(title, STEPS_AXIS, unit, curves, levels={"base": 0.0}))
    panels.append(
        Curves(
            "Diversity within prompts",
            STEPS_AXIS,
            f"different images, of {report.images_per_prompt}",
            [Curve("Vendi score", report.updates, report.vendi)],
        )
    )
    return FigureSpec(
        "Every judge's gain over the base model, and the diversity within prompts",
        panels,
        "Gains are in standard deviations of a judge among the base model's images of a prompt, so that judges in "
        "different units share an axis. The Vendi score counts how many different images the images of a prompt are "
        "worth.",
        per_row=3,
    )


def divergence(report: Report) -> FigureSpec:
    """Return the KL along the run and per step, each with and without the last two steps."""
    panels = [
        Curves("Without the last two steps", STEPS_AXIS, "KL, nats", [Curve("sum", report.updates, report.kl)]),
        Curves("All steps", STEPS_AXIS, "KL, nats", [Curve("sum", report.updates, report.kl_all_steps)]),
    ]
    steps = len(report.step_kl[-1]) if report.step_kl else 0
    if steps:
        for title, shown in (("Per step, without the last two", max(steps - 2, 1)), ("Per step, all", steps)):
            numbers = [float(number) for number in range(1, shown + 1)]
            lines = [Curve(name, numbers, row[:shown]) for name, row in _step_rows(report).items()]
            panels.append(Curves(title, "denoising step", "KL, nats", lines))
    return FigureSpec(
        "Distance from the base model: where the KL is spent",
        panels,
        "KL of the policy's denoising steps from the base model's, on trajectories of the policy. The last two steps "
        "add so little noise that they hold nearly all of it while they change next to nothing; every other figure "
        "leaves them out.",
        per_row=4,
    )


def statistics(report: Report) -> FigureSpec:
    """Return the image statistics with the band within which an unchanged model's lie."""
    panels = [
        # None of the statistics can be negative.
        Curves(
            statistic.name,
            STEPS_AXIS,
            _UNITS.get(statistic.name, "share"),
            [Curve("mean over images", report.updates, statistic.mean)],
            expected=(max(statistic.low, 0.0), statistic.high),
        )
        for statistic in report.statistics
    ]
    return FigureSpec(
        "Image statistics: what changes without a reward's notice",
        panels,
        "Grey: within four standard errors of the base model's images. A curve that leaves the band raises an alarm.",
        per_row=5,
    )


def note(report: Report) -> str:
    """Return what a reader of the main figure must know."""
    law = " The thin line is the fitted law of over-optimisation." if report.law is not None else ""
    return (
        f"Means over {len(report.prompts)} training prompts with {report.images_per_prompt // 2} test images each, at "
        "seeds that neither training nor the choice of a checkpoint has seen; bands are 95 % intervals over prompts, "
        f"which say what other prompts would give. KL is that of the sampling paths without the last two steps.{law}"
    )


def _distance(report: Report) -> list[float]:
    distances: list[float] = np.sqrt(np.maximum(report.kl, 0)).tolist()
    return distances


def _step_rows(report: Report) -> dict[str, Sequence[float]]:
    rows: dict[str, Sequence[float]] = {f"epoch {report.epochs[-1]}, end": report.step_kl[-1]}
    if report.peaks and report.peaks[0].peak_epoch not in (report.epochs[0], report.epochs[-1]):
        epoch = report.peaks[0].peak_epoch
        rows = {f"epoch {epoch}, peak": report.step_kl[report.position(epoch)], **rows}
    return rows


def _fitted(report: Report, gold: JudgeCurve, distance: Sequence[float]) -> list[Curve]:
    farthest = max(distance)
    if report.law is None or not farthest > 0:
        return []
    grid = np.linspace(farthest / 100, farthest, 60)
    fitted = gold.mean[0] + report.law.gain(grid)
    return [Curve(_name(gold), grid.tolist(), fitted.tolist(), thin=True)]


def _curve(line: JudgeCurve, x: Sequence[float]) -> Curve:
    return Curve(_name(line), list(x), line.mean, line.low, line.high)


def _name(line: JudgeCurve) -> str:
    return f"{line.name} ({'gold' if line.role == 'gold' else 'proxy' if line.role == 'proxy' else 'watched'})"
