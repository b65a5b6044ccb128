"""The figures of a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tia2.figures import Curve, Curves, FigureSpec

from .content import JudgeCurve, Report

_KL = "√KL from the base model, √nats"


def overview(report: Report) -> FigureSpec:
    """Return proxy and gold against √KL and against optimiser steps, the fitted law, KL per step and diversity."""
    distance = np.sqrt(np.maximum(report.kl, 0)).tolist()
    panels = [
        _curves(report, "train", "Proxy on training prompts", _KL, distance, roles=("proxy",)),
        _gold(report, distance),
        _curves(report, "train", "All judges", "optimiser steps", [float(step) for step in report.updates]),
    ]
    if report.held_out:
        panels.append(_curves(report, "held-out", "Held-out prompts", _KL, distance))
    panels.append(
        Curves(
            "Distance from the base model",
            "optimiser steps",
            "KL, nats",
            [
                Curve("without the last two steps", report.updates, report.kl),
                Curve("all steps", report.updates, report.kl_all_steps),
            ],
        )
    )
    panels.append(
        Curves(
            "Diversity within prompts",
            "optimiser steps",
            f"Vendi score, of {report.images_per_prompt} images",
            [Curve("effective images", report.updates, report.vendi)],
        )
    )
    return FigureSpec(report.verdict, panels, _note(report), per_row=3)


def statistics(report: Report) -> FigureSpec:
    """Return the image statistics with their alarm levels."""
    panels = [
        Curves(
            statistic.name,
            "optimiser steps",
            statistic.name,
            [Curve(statistic.name, report.updates, statistic.mean)],
            levels={"alarm": statistic.high, "alarm below": statistic.low},
        )
        for statistic in report.statistics
    ]
    return FigureSpec("Image statistics: what collapses without a reward's notice", panels, _note(report), per_row=5)


def _curves(
    report: Report, split: str, title: str, x_title: str, x: Sequence[float], roles: Sequence[str] | None = None
) -> Curves:
    lines = [line for line in report.curves if line.split == split and (roles is None or line.role in roles)]
    return Curves(title, x_title, "mean over prompts", [_curve(line, x) for line in lines])


def _gold(report: Report, distance: list[float]) -> Curves:
    lines = [line for line in report.curves if line.role == "gold" and line.split == "train"]
    curves = [_curve(line, distance) for line in lines]
    if report.law is not None and lines:
        distances = np.array([d for d in distance if d > 0])
        grid = np.linspace(distances.min(), distances.max(), 40)
        fitted = lines[0].mean[0] + grid * (report.law.alpha - report.law.beta * np.log(grid))
        curves.append(Curve("law of over-optimisation, fitted", grid.tolist(), fitted.tolist()))
    return Curves("Gold on training prompts", _KL, "mean over prompts", curves)


def _curve(line: JudgeCurve, x: Sequence[float]) -> Curve:
    name = f"{line.name} ({'gold' if line.role == 'gold' else 'proxy' if line.role == 'proxy' else 'watched'})"
    return Curve(name, list(x), line.mean, line.low, line.high)


def _note(report: Report) -> str:
    return (
        f"Means over {len(report.prompts)} training prompts with {report.images_per_prompt // 2} test images each, at "
        "seeds that neither training nor the choice of a checkpoint has seen; bands are 95 % intervals over prompts. "
        "KL is that of the sampling paths; √KL leaves out the last two steps, which hold nearly all of it and change "
        "little."
    )
