"""What a report says, as data: computed from a run's kept images and scores, and saved as JSON."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, BeforeValidator, ConfigDict

from tia2._version import __version__
from tia2.errors import FinetuneError
from tia2.files import write_atomically

from ..diagnostics.curves import RunCurves, mean_curve
from ..diagnostics.diversity import pairwise_distance, vendi_score
from ..diagnostics.fits import fit_law
from ..diagnostics.images import statistic_curves
from ..diagnostics.peak import PeakTest, peak_test
from ..diagnostics.selection import checkpoint_rules
from ..runner.state import RunFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA_VERSION = 1


def _number(value: Any) -> Any:
    return math.nan if value is None else value


Number = Annotated[float, BeforeValidator(_number)]
"""A number, NaN where unknown; null in the file."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class JudgeCurve(_Part):
    """One judge's mean over the test images along the run."""

    role: str
    """"proxy", "gold", or "watch0" and on."""
    name: str
    split: Literal["train", "held-out"]
    mean: list[Number]
    low: list[Number]
    """Lower ends of the intervals, clustered by prompt."""
    high: list[Number]


class PeakSummary(_Part):
    """The outcome of the peak test."""

    split: Literal["train", "held-out"]
    verdict: str
    peak_epoch: int
    peak_kl: Number
    gain: Number
    gain_interval: tuple[Number, Number]
    drop: Number
    drop_interval: tuple[Number, Number]
    """What other seeds would give on these prompts."""
    drop_over_prompts: tuple[Number, Number]
    """What other prompts would give."""
    excess_proxy: Number
    falling_prompts: list[tuple[str, Number]]
    """Prompts by how far their gold fell after the peak, the worst first."""
    epochs_in_reach: tuple[int, int]
    """First and last epoch that can't be told from the peak."""


class Law(_Part):
    """Gao, Schulman and Hilton's law of over-optimisation by reinforcement learning, R = d (α − β log d)."""

    alpha: Number
    beta: Number
    peak: Number
    """d = √KL at the fitted peak; null where the law has none."""
    r_squared: Number
    residuals: list[Number]


class Rule(_Part):
    """What a rule for choosing a checkpoint is worth on the test images."""

    rule: str
    epoch: int
    kl: Number
    proxy: Number
    gold: Number
    gold_interval: tuple[Number, Number]


class Statistic(_Part):
    """A cheap image statistic along the run."""

    name: str
    mean: list[Number]
    low: Number
    """Lower alarm level, from the base model's images."""
    high: Number
    alarms: list[int]
    """Epochs outside."""


class Report(_Part):
    """The over-optimisation report of one run."""

    schema_version: Literal[1] = 1
    tia2_version: str
    name: str
    settings: dict[str, Any]
    judges: dict[str, str]
    prompts: list[str]
    held_out: list[str]
    epochs: list[int]
    updates: list[int]
    kl: list[Number]
    """Path KL to the base model without the last two steps, nats."""
    kl_all_steps: list[Number]
    step_kl: list[list[Number]]
    curves: list[JudgeCurve]
    peaks: list[PeakSummary]
    law: Law | None
    rules: list[Rule]
    distance: list[Number]
    """Mean cosine distance between the images of a prompt."""
    vendi: list[Number]
    """Effective number of different images per prompt."""
    images_per_prompt: int
    statistics: list[Statistic]

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        return _sentence(self)

    def save(self, path: Path) -> Path:
        """Write the report as JSON; the file is whole or absent at any time."""
        write_atomically(path, (self.model_dump_json(indent=1) + "\n").encode(), FinetuneError)
        return path

    def __repr__(self) -> str:
        return f"Report({self.name!r}: {self.verdict})"


def make_report(folder: RunFolder) -> Report:
    """Compute the report of a run from its kept images and scores.

    Args:
        folder: The run's folder; the run may still be going on.

    Raises:
        FinetuneError: There is no evaluation, or a file is damaged.
    """
    curves = RunCurves.of(folder)
    settings = folder.settings()
    images = [_images(folder, int(epoch)) for epoch in curves.epochs]
    features = [[_features(image) for image in row] for row in images]
    count = len(curves.validation)
    groups = [slice(start, start + count) for start in range(0, len(images[0]), count)]
    tests = [(held_out, peak_test(curves, held_out)) for held_out in (False, True)]
    return Report(
        tia2_version=__version__,
        name=settings.name,
        settings=settings.model_dump(mode="json"),
        judges=dict(curves.names),
        prompts=[prompt for prompt, out in zip(curves.prompts, curves.held_out, strict=True) if not out],
        held_out=[prompt for prompt, out in zip(curves.prompts, curves.held_out, strict=True) if out],
        epochs=curves.epochs.tolist(),
        updates=curves.updates.tolist(),
        kl=curves.kl.tolist(),
        kl_all_steps=curves.step_kl.sum(axis=1).tolist() if curves.step_kl.size else [math.nan] * len(curves.epochs),
        step_kl=curves.step_kl.tolist(),
        curves=_curves(curves),
        peaks=[_peak(test, held_out) for held_out, test in tests if test is not None],
        law=_law(curves),
        rules=[
            Rule(rule=rule.rule, epoch=rule.epoch, kl=rule.kl, proxy=rule.proxy, gold=rule.gold,
                 gold_interval=rule.gold_interval)
            for rule in checkpoint_rules(curves)
        ],
        distance=[float(np.mean([pairwise_distance(row[group]) for group in groups])) for row in features],
        vendi=[float(np.mean([vendi_score(row[group]) for group in groups])) for row in features],
        images_per_prompt=count,
        statistics=[
            Statistic(
                name=curve.name,
                mean=curve.mean.tolist(),
                low=curve.low,
                high=curve.high,
                alarms=[int(curves.epochs[position]) for position in curve.alarms],
            )
            for curve in statistic_curves(images)
        ],
    )  # fmt: skip


def _curves(curves: RunCurves) -> list[JudgeCurve]:
    lines = []
    for held_out in (False, True):
        if not (curves.held_out == held_out).any():
            continue
        for role, name in curves.names.items():
            line = mean_curve(curves.part(role, held_out=held_out))
            lines.append(
                JudgeCurve(
                    role=role,
                    name=name,
                    split="held-out" if held_out else "train",
                    mean=line.mean.tolist(),
                    low=line.low.tolist(),
                    high=line.high.tolist(),
                )
            )
    return lines


def _peak(test: PeakTest, held_out: bool) -> PeakSummary:
    return PeakSummary(
        split="held-out" if held_out else "train",
        verdict=test.verdict,
        peak_epoch=test.peak_epoch,
        peak_kl=test.peak_kl,
        gain=test.gain,
        gain_interval=test.gain_interval,
        drop=test.drop,
        drop_interval=test.drop_interval,
        drop_over_prompts=test.drop_over_prompts,
        excess_proxy=test.excess_proxy,
        falling_prompts=list(test.falling_prompts),
        epochs_in_reach=test.epochs_in_reach,
    )


def _law(curves: RunCurves) -> Law | None:
    if "gold" not in curves.values:
        return None
    gold = curves.part("gold").mean(axis=(1, 2))
    try:
        fit = fit_law(np.sqrt(curves.kl), gold - gold[0])
    except FinetuneError:
        return None
    peak = fit.peak if math.isfinite(fit.peak) else math.nan
    return Law(alpha=fit.alpha, beta=fit.beta, peak=peak, r_squared=fit.r_squared, residuals=fit.residuals.tolist())


def _images(folder: RunFolder, epoch: int) -> list[Image.Image]:
    return [Image.open(io.BytesIO(png)) for png in folder.evaluation(epoch)["image"]]


def _features(image: Image.Image) -> NDArray[np.float64]:
    # Small pixels, centred: enough to tell copies from variations without a network that a reward may share.
    small = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX), np.float64).ravel() / 255
    centred: NDArray[np.float64] = small - small.mean()
    return centred


def _sentence(report: Report) -> str:
    proxy, gold = report.judges["proxy"], report.judges.get("gold")
    if gold is None or not report.peaks:
        return f"Without a gold judge nothing can be said about over-optimising {proxy}."
    peak = report.peaks[0]
    spread = f"{peak.drop_interval[0]:+.3f} to {peak.drop_interval[1]:+.3f}"
    if peak.verdict == "over-optimised":
        return (
            f"{proxy} was over-optimised: {gold} peaks at epoch {peak.peak_epoch} ({peak.peak_kl:.1f} nats) and then "
            f"falls by {peak.drop:.3f} ({spread}) while the proxy does not."
        )
    if peak.verdict == "ruined":
        return (
            f"The policy was ruined, which is not over-optimisation: {gold} falls by {peak.drop:.3f} ({spread}) after "
            f"epoch {peak.peak_epoch}, and so does the proxy {proxy}."
        )
    if peak.verdict == "no peak within budget":
        return f"{gold} has no peak within {report.epochs[-1]} epochs of optimising {proxy}: it is best at the end."
    return (
        f"Whether {proxy} is over-optimised within {report.epochs[-1]} epochs is not settled: from epoch "
        f"{peak.peak_epoch}, its peak on validation images, to the end {gold} falls by {peak.drop:+.3f} ({spread})."
    )


def load_report(path: Path) -> Report:
    """Read what `Report.save` wrote.

    Raises:
        FinetuneError: There is no such file, or it is no report.
    """
    from pydantic import ValidationError

    from tia2.files import explain

    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise FinetuneError(f"{path} can't be read: {error.strerror or error}.") from None
    except ValidationError as error:
        raise FinetuneError(f"{path} is no fine-tuning report ({explain(error)}).") from None


def shown_epochs(report: Report, most: int = 4) -> Sequence[int]:
    """Return the epochs whose images are worth a look: the base model, the peak, the end, and some between.

    Args:
        report: The report.
        most: The number of epochs.
    """
    wanted = [report.epochs[0], report.epochs[-1]]
    if report.peaks:
        wanted.insert(1, report.peaks[0].peak_epoch)
    middle = sorted(report.epochs, key=lambda epoch: abs(epoch - report.epochs[-1] / 2))
    return sorted(list(dict.fromkeys([*wanted, *middle]))[:most])
