"""Several runs beside each other: who gains under which judge, and what gold does at equal distance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from tia2._version import __version__
from tia2.errors import FinetuneError
from tia2.files import write_atomically

from ..bon.records import Number, Part
from ..diagnostics.curves import RunCurves
from ..diagnostics.peak import PeakTest, peak_test
from ..runner.state import RunFolder
from .content import judge_curves
from .filling import KeptImageScorer
from .records import JudgeCurve

BUDGETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Distances in nats at which gold is compared, as far as all runs get."""
_MOST_BUDGETS = 4
PROMPTS = "the evaluated prompts or their split"


class JudgedGain(Part):
    """One cell of the matrix: what a run gained under a judge, on the test images of trained prompts."""

    run: str
    judge: str
    base: Number
    """Mean of the base model's images."""
    peak: Number
    """Mean at the run's own peak."""
    end: Number
    spread: Number
    """Standard deviation among the base model's images of a prompt, the unit of the matrix."""

    def gain(self, when: Literal["peak", "end"]) -> float:
        """Return the gain over the base model in standard deviations; NaN where the judge doesn't vary."""
        mean = self.peak if when == "peak" else self.end
        return (mean - self.base) / self.spread if self.spread > 0 else math.nan


class JointRun(Part):
    """One run of a joint report."""

    name: str
    folder: str
    seed: int
    test: PeakTest
    kl: list[Number]
    """Path KL to the base model without the last two steps at each evaluation, nats."""
    proxy: JudgeCurve
    gold: JudgeCurve
    gold_at_budget: list[Number]
    """Mean gold where the run first reaches each of the report's distances, between evaluations by interpolation."""


class JointReport(Part):
    """Several runs beside each other."""

    schema_version: Literal[1] = 1
    tia2_version: str
    gold: str
    prompts: list[str]
    runs: list[JointRun]
    judges: list[str]
    """Columns of the matrix: the proxies in the order of the runs, other watched rewards, gold."""
    gains: list[JudgedGain]
    budgets: list[float]
    """Distances in nats at which gold is compared."""

    def cell(self, run: str, judge: str) -> JudgedGain | None:
        """Return a cell of the matrix; None where the run wasn't watched by the judge."""
        return next((gain for gain in self.gains if (gain.run, gain.judge) == (run, judge)), None)

    @property
    def verdict(self) -> str:
        """The verdicts of the runs in one sentence."""
        by_verdict: dict[str, list[str]] = {}
        for run in self.runs:
            by_verdict.setdefault(run.test.verdict, []).append(run.name)
        parts = "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in by_verdict.items())
        return f"{len(self.runs)} runs. {parts[0].upper()}{parts[1:]}."

    def save(self, path: Path) -> Path:
        """Write the report as JSON; the file is whole or absent at any time."""
        write_atomically(path, (self.model_dump_json(indent=1) + "\n").encode(), FinetuneError)
        return path


def make_joint_report(folders: Sequence[RunFolder], scorer: KeptImageScorer | None = None) -> JointReport:
    """Compute the joint report of runs that evaluated the same images.

    Args:
        folders: The runs' folders, at least two.
        scorer: Fills the cells of judges that only other runs had; None leaves them empty.

    Raises:
        FinetuneError: The runs differ in the base model, the evaluation's prompts, seeds or sampler, or the gold
            judge; or one has no gold judge or a single evaluation.
    """
    check_comparable(folders)
    curves = [RunCurves.of(folder) for folder in folders]
    names = run_names(folders)
    tests = []
    for folder, run in zip(folders, curves, strict=True):
        test = peak_test(run)
        if test is None:
            raise FinetuneError(f"{folder.path} has no peak: it needs a gold judge and at least two evaluations.")
        tests.append(test)
    reach = min(float(np.nanmax(run.kl)) for run in curves)
    budgets = [budget for budget in BUDGETS if budget <= reach][-_MOST_BUDGETS:]
    runs = [
        _joint_run(name, folder, run, test, budgets)
        for name, folder, run, test in zip(names, folders, curves, tests, strict=True)
    ]
    judges = list(
        dict.fromkeys(
            [
                *(run.names["proxy"] for run in curves),
                *(name for run in curves for role, name in run.names.items() if role != "gold"),
                curves[0].names["gold"],
            ]
        )
    )
    gains = []
    for name, folder, run, test in zip(names, folders, curves, tests, strict=True):
        for judge in judges:
            values = _judge_values(folder, run, test, judge, scorer)
            if values is not None:
                gains.append(_gain(name, judge, values))
    return JointReport(
        tia2_version=__version__,
        gold=curves[0].names["gold"],
        prompts=[prompt for prompt, out in zip(curves[0].prompts, curves[0].held_out, strict=True) if not out],
        runs=runs,
        judges=judges,
        gains=gains,
        budgets=budgets,
    )


def check_comparable(folders: Sequence[RunFolder]) -> None:
    """Raise unless runs evaluated the same images of the same base model by the same gold judge.

    Args:
        folders: The runs' folders.

    Raises:
        FinetuneError: They are fewer than two, or differ where a comparison would mean nothing.
    """
    if len({folder.path.resolve() for folder in folders}) < 2:
        raise FinetuneError("A joint report needs at least two different runs.")
    first = _facts(folders[0])
    for folder in folders[1:]:
        for what, value in _facts(folder).items():
            if value != first[what]:
                both = "" if what == PROMPTS else f", {first[what]} and {value}"
                raise FinetuneError(f"{folders[0].path} and {folder.path} can't be compared: {what} differ{both}.")


def _facts(folder: RunFolder) -> dict[str, object]:
    """Return what runs must share, by the name that a refusal gives it."""
    settings = folder.settings()
    epochs = folder.evaluated_epochs()
    if not epochs:
        raise FinetuneError(f"{folder.path} holds no evaluation yet: run it further with `tia2 finetune resume`.")
    frame = folder.evaluation(epochs[0], images=False)
    sampler = settings.evaluation_sampler
    judges: dict[str, str] = folder.facts()["judges"]
    return {
        "the base models": settings.model.name,
        "the gold judges": judges.get("gold", "none"),
        "the evaluations' seeds": settings.evaluation.seed,
        "the evaluations' images per prompt": settings.evaluation.images_per_prompt,
        "the evaluations' samplers": f"{sampler.steps} steps, η {sampler.eta:g}, guidance {sampler.guidance:g}",
        PROMPTS: frame[["prompt", "split"]].drop_duplicates().to_numpy().tolist(),
    }


def run_names(folders: Sequence[RunFolder]) -> list[str]:
    """Return a name for each run: its proxy, with the folder's name where several runs share a proxy.

    Args:
        folders: The runs' folders.
    """
    proxies = [str(folder.facts()["judges"]["proxy"]) for folder in folders]
    often = Counter(proxies)
    names = [
        proxy if often[proxy] == 1 else f"{proxy} ({folder.path.resolve().name})"
        for proxy, folder in zip(proxies, folders, strict=True)
    ]
    repeated = Counter(names)
    return [name if repeated[name] == 1 else f"{name} {number}" for number, name in enumerate(names, start=1)]


def gold_at(kl: Sequence[float], gold: Sequence[float], budget: float) -> float:
    """Return gold where the distance first reaches a budget, between evaluations by interpolation over √KL.

    Args:
        kl: KL at each evaluation, nats, beginning at 0.
        gold: Mean gold at each evaluation.
        budget: Nats.

    Returns:
        The gold; NaN where the run never gets there.

    Example:
        >>> gold_at([0.0, 1.0, 4.0], [0.5, 0.7, 0.3], 2.25)
        0.5
    """
    points = list(zip(kl, gold, strict=True))
    for (near, low), (far, high) in pairwise(points):
        if near <= budget <= far and far > near:
            share = (math.sqrt(budget) - math.sqrt(near)) / (math.sqrt(far) - math.sqrt(near))
            return low + share * (high - low)
    return math.nan


def _joint_run(name: str, folder: RunFolder, curves: RunCurves, test: PeakTest, budgets: Sequence[float]) -> JointRun:
    lines = {line.role: line for line in judge_curves(curves) if line.split == "train"}
    kl = curves.kl.tolist()
    return JointRun(
        name=name,
        folder=str(folder.path),
        seed=folder.settings().seed,
        test=test,
        kl=kl,
        proxy=lines["proxy"],
        gold=lines["gold"],
        gold_at_budget=[gold_at(kl, lines["gold"].mean, budget) for budget in budgets],
    )


def _judge_values(
    folder: RunFolder, run: RunCurves, test: PeakTest, judge: str, scorer: KeptImageScorer | None
) -> RunCurves | None:
    """Return a judge's values at the base model, the peak and the end; None where nobody has them."""
    epochs = [int(run.epochs[0]), test.peak_epoch, int(run.epochs[-1])]
    frames = [folder.evaluation(epoch, images=False) for epoch in epochs]
    role = next((role for role, name in run.names.items() if name == judge), None)
    if role is not None:
        values = [frame[role].to_numpy() for frame in frames]
    elif scorer is not None:
        values = scorer.values(folder, epochs, judge)
    else:
        return None
    # Numbered and not by epoch, since the peak may be the base model or the end.
    scores = {number: frame.assign(judge=values[number]) for number, frame in enumerate(frames)}
    records = {number: {"step_kl": [0.0], "updates": 0} for number in scores}
    return RunCurves.from_frames({"judge": judge}, records, scores)


def _gain(run: str, judge: str, curves: RunCurves) -> JudgedGain:
    line = judge_curves(curves)[0]
    base, peak, end = line.mean
    return JudgedGain(run=run, judge=judge, base=base, peak=peak, end=end, spread=line.spread)
