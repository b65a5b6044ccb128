"""A report computed from a run's kept images and scores."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tia2._version import __version__
from tia2.errors import FinetuneError

from ..diagnostics.curves import RunCurves, mean_curve
from ..diagnostics.diversity import pairwise_distance, vendi_score
from ..diagnostics.fits import LawFit, fit_law
from ..diagnostics.images import statistic_curves
from ..diagnostics.peak import peak_test
from ..diagnostics.prompts import prompt_changes
from ..diagnostics.selection import checkpoint_rules
from ..runner.parts import HELD_OUT, TRAIN
from ..runner.state import RunFolder
from ..sampling.sweep import kept_sweeps
from .frontier import scale_sweep
from .records import JudgeCurve, Report

if TYPE_CHECKING:
    from numpy.typing import NDArray


def make_report(folder: RunFolder) -> Report:
    """Compute the report of a run from its kept images and scores.

    Args:
        folder: The run's folder; the run may still be under way.

    Raises:
        FinetuneError: There is no evaluation, or a file is damaged.
    """
    curves = RunCurves.of(folder)
    settings = folder.settings()
    epochs: list[int] = curves.epochs.tolist()
    images = [_images(folder, epoch) for epoch in epochs]
    features = [[_features(image) for image in row] for row in images]
    count = len(curves.validation)
    groups = [slice(start, start + count) for start in range(0, len(images[0]), count)]
    tests = [test for held_out in (False, True) if (test := peak_test(curves, held_out)) is not None]
    return Report(
        tia2_version=__version__,
        name=settings.name,
        settings=settings.model_dump(mode="json"),
        judges=dict(curves.names),
        prompts=[prompt for prompt, out in zip(curves.prompts, curves.held_out, strict=True) if not out],
        held_out=[prompt for prompt, out in zip(curves.prompts, curves.held_out, strict=True) if out],
        epochs=epochs,
        updates=curves.updates.tolist(),
        kl=curves.kl.tolist(),
        kl_all_steps=curves.step_kl.sum(axis=1).tolist() if curves.step_kl.size else [math.nan] * len(epochs),
        step_kl=curves.step_kl.tolist(),
        curves=judge_curves(curves),
        peaks=tests,
        changes=[change for test in tests for change in prompt_changes(curves, test)],
        law=_law(curves),
        rules=checkpoint_rules(curves),
        distance=[float(np.mean([pairwise_distance(row[group]) for group in groups])) for row in features],
        vendi=[float(np.mean([vendi_score(row[group]) for group in groups])) for row in features],
        images_per_prompt=count,
        statistics=statistic_curves(images, epochs),
        sweeps=[scale_sweep(sweep, curves) for sweep in kept_sweeps(folder)],
    )


def judge_curves(curves: RunCurves) -> list[JudgeCurve]:
    """Return every judge's curve on the test images, for the trained and for the held-out prompts.

    Args:
        curves: The run's values.
    """
    lines = []
    for held_out in (False, True):
        if not (curves.held_out == held_out).any():
            continue
        for role, name in curves.names.items():
            values = curves.part(role, held_out=held_out)
            line = mean_curve(values)
            # Over validation images as well: the unit of a curve is no result that a choice could flatter.
            base = curves.values[role][0][curves.held_out == held_out]
            lines.append(
                JudgeCurve(
                    role=role,
                    name=name,
                    split=HELD_OUT if held_out else TRAIN,
                    mean=line.mean.tolist(),
                    low=line.low.tolist(),
                    high=line.high.tolist(),
                    spread=float(np.sqrt(base.var(axis=1, ddof=1).mean())) if base.shape[1] > 1 else math.nan,
                )
            )
    return lines


def _law(curves: RunCurves) -> LawFit | None:
    if "gold" not in curves.values:
        return None
    gold = curves.part("gold").mean(axis=(1, 2))
    try:
        return fit_law(np.sqrt(curves.kl), gold - gold[0])
    except FinetuneError:
        return None


def _images(folder: RunFolder, epoch: int) -> list[Image.Image]:
    return [Image.open(io.BytesIO(png)) for png in folder.evaluation(epoch)["image"]]


def _features(image: Image.Image) -> NDArray[np.float64]:
    # Small pixels, centred: enough to tell copies from variations without a network that a reward may share.
    small = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX), np.float64).ravel() / 255
    centred: NDArray[np.float64] = small - small.mean()
    return centred


def shown_epochs(report: Report, most: int = 4) -> Sequence[int]:
    """Return the epochs whose images are worth a look: the base model, the peak, the end, and some between.

    Args:
        report: The report.
        most: The number of epochs.
    """
    wanted = [report.epochs[0], report.epochs[-1]]
    if report.peaks:
        wanted.insert(1, report.peaks[0].peak_epoch)
    # Among the others, the one that stands furthest from those chosen comes next.
    chosen = list(dict.fromkeys(wanted))[:most]
    while len(chosen) < min(most, len(report.epochs)):
        others = [epoch for epoch in report.epochs if epoch not in chosen]
        chosen.append(max(others, key=lambda epoch: min(abs(epoch - shown) for shown in chosen)))
    return sorted(chosen)
