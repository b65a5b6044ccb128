"""The figures and images of a joint report."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image

from tia2.figures import Curve, Curves, FigureSpec, Heatmap
from tia2.figures.text import cut

from ..runner.parts import TEST
from ..runner.state import RunFolder
from ..sheets import SheetBlock, SheetRow
from .figures import KL_AXIS
from .grids import verdict_frame
from .joint import JointReport

_LONGEST = 26


def matrix(report: JointReport) -> FigureSpec:
    """Return the gains under every judge, at each run's peak and at its end."""
    extreme = max(
        (abs(gain.gain(when)) for gain in report.gains for when in ("peak", "end") if gain.spread > 0), default=1.0
    )
    panels = [
        _heatmap(report, "end", "At the end", extreme),
        _heatmap(report, "peak", "At each run's gold peak", extreme),
    ]
    return FigureSpec(
        "Trained on (rows), judged by (columns)",
        panels,
        "Gain over the base model on the test images of trained prompts, in standard deviations of the judge among the "
        "base model's images of a prompt. Empty: the run was not watched by that judge.",
        per_row=2,
    )


def overlay(report: JointReport) -> FigureSpec:
    """Return each run's proxy and gold against √KL, and gold against the gain of its proxy."""
    distances = {run.name: np.sqrt(np.maximum(run.kl, 0)).tolist() for run in report.runs}
    gains = {run.name: run.proxy.gains() for run in report.runs}
    unit = "gain of its own proxy, standard deviations"
    return FigureSpec(
        report.verdict,
        [
            Curves(
                "Each run's own proxy", KL_AXIS, unit, [Curve(name, distances[name], gains[name]) for name in gains]
            ),
            Curves(
                f"Gold ({report.gold})",
                KL_AXIS,
                "mean over prompts",
                [
                    Curve(run.name, distances[run.name], run.gold.mean, run.gold.low, run.gold.high)
                    for run in report.runs
                ],
            ),
            Curves(
                "Gold against the proxy",
                unit,
                report.gold,
                [Curve(run.name, gains[run.name], run.gold.mean) for run in report.runs],
            ),
        ],
        "The same prompts and seeds in all runs. KL is that of the sampling paths without the last two steps; it "
        "compares runs that train the same kind of weights, and says little between an adapter and full weights. Bands "
        "are 95 % intervals over prompts.",
        per_row=3,
    )


def end_blocks(report: JointReport, folders: Sequence[RunFolder], prompts: int = 4, seeds: int = 8) -> list[SheetBlock]:
    """Return a block per prompt: the base model's images, then what each run made of the same seeds.

    Args:
        report: The joint report.
        folders: The runs' folders, in its order.
        prompts: The number of prompts, those first whose gold differs most between the runs.
        seeds: Images per prompt at most, all of them test images.
    """
    base = folders[0].evaluation(folders[0].evaluated_epochs()[0])
    ends = {
        run.name: folder.evaluation(folder.evaluated_epochs()[-1])
        for run, folder in zip(report.runs, folders, strict=True)
    }
    tests = {"base model": base, **ends}
    tests = {name: frame[frame["part"] == TEST] for name, frame in tests.items()}

    def spread(prompt: str) -> float:
        means = [frame[frame["prompt"] == prompt]["gold"].mean() for frame in tests.values()]
        return float(max(means) - min(means))

    blocks = []
    for prompt in sorted(report.prompts, key=spread, reverse=True)[:prompts]:
        rows = []
        for name, frame in tests.items():
            shown = frame[frame["prompt"] == prompt].head(seeds)
            images = [Image.open(io.BytesIO(png)) for png in shown["image"]]
            rows.append(SheetRow(cut(name, _LONGEST), images, [verdict_frame(gold) for gold in shown["gold"]]))
        blocks.append(SheetBlock(prompt, rows))
    return blocks


def _heatmap(report: JointReport, when: Literal["peak", "end"], title: str, extreme: float) -> Heatmap:
    cells = [[report.cell(run.name, judge) for judge in report.judges] for run in report.runs]
    values = [[math.nan if cell is None else cell.gain(when) for cell in row] for row in cells]
    texts = [["" if math.isnan(value) else f"{value:+.2f}" for value in row] for row in values]
    names = [cut(judge, _LONGEST) for judge in report.judges]
    return Heatmap(title, [cut(run.name, _LONGEST) for run in report.runs], names, values, texts, (-extreme, extreme))
