"""The scale sweep of a finished run beside its checkpoints: which of the two gives more gold at the same distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tia2.figures import Curve, Curves, FigureSpec

from ..bon.records import Number, Part
from ..diagnostics.curves import RunCurves, interval_over_images, mean_curve
from ..runner.parts import VALIDATION
from ..sampling.sweep import KeptSweep

CHECKPOINTS = "checkpoints along the run"


class ScaleSweep(Part):
    """One checkpoint's weights at many scales, on the test images of trained prompts."""

    epoch: int
    """Epoch of the weights."""
    kind: Literal["adapter", "interpolation"]
    """Whether an adapter is scaled, or all weights are interpolated between the base model's and the trained ones."""
    scales: list[Number]
    kl: list[Number]
    """Path KL to the base model without the last two steps, nats."""
    proxy: list[Number]
    gold: list[Number]
    """Mean gold; empty without a gold judge."""
    gold_low: list[Number]
    """Lower ends of the intervals, clustered by prompt."""
    gold_high: list[Number]
    best_scale: Number
    """The scale with the highest gold on validation images."""
    best_gold: Number
    """What it is worth on test images."""
    best_gold_interval: tuple[Number, Number]
    """What other seeds would give on these prompts."""
    over_checkpoints: Number
    """Gold at the best scale less gold at the best checkpoint, both chosen on validation images, on test images."""
    over_checkpoints_interval: tuple[Number, Number]
    """What other seeds would give; the images are paired by seed."""

    @property
    def label(self) -> str:
        """What a figure calls it."""
        what = "adapter scaled" if self.kind == "adapter" else "weights interpolated"
        return f"{what}, epoch {self.epoch}"


def scale_sweep(sweep: KeptSweep, run: RunCurves) -> ScaleSweep:
    """Return what a kept sweep says beside the run's own checkpoints.

    Args:
        sweep: The evaluations at each scale.
        run: The run's values.
    """
    curves = sweep.curves()
    scales = sweep.scales()
    has_gold = "gold" in curves.values
    lora = sweep.folder.settings().model.lora
    mean = mean_curve(curves.part("gold")) if has_gold else None
    best, checkpoint = (_best(curves), _best(run)) if has_gold else (0, 0)
    gold = curves.part("gold")[best] if has_gold else np.full((1, 2), np.nan)
    difference = gold - run.part("gold")[checkpoint] if has_gold else gold
    return ScaleSweep(
        epoch=sweep.epoch,
        kind="adapter" if lora is not None else "interpolation",
        scales=scales,
        kl=curves.kl.tolist(),
        proxy=curves.part("proxy").mean(axis=(1, 2)).tolist(),
        gold=[] if mean is None else mean.mean.tolist(),
        gold_low=[] if mean is None else mean.low.tolist(),
        gold_high=[] if mean is None else mean.high.tolist(),
        best_scale=scales[best] if has_gold else float("nan"),
        best_gold=float(gold.mean()),
        best_gold_interval=interval_over_images(gold) if has_gold else (float("nan"), float("nan")),
        over_checkpoints=float(difference.mean()),
        over_checkpoints_interval=interval_over_images(difference) if has_gold else (float("nan"), float("nan")),
    )


def frontier(
    sweeps: Sequence[ScaleSweep], kl: Sequence[float], proxy: Sequence[float], gold: Sequence[float]
) -> FigureSpec:
    """Return gold against √KL and against the proxy, for the sweeps and for the run's checkpoints.

    Args:
        sweeps: The run's sweeps; with a gold judge.
        kl: KL of the run's checkpoints, nats.
        proxy: Mean proxy of the run's checkpoints.
        gold: Mean gold of the run's checkpoints.
    """
    lines = [(CHECKPOINTS, kl, proxy, gold), *((sweep.label, sweep.kl, sweep.proxy, sweep.gold) for sweep in sweeps)]
    return FigureSpec(
        "Scaling the fine-tuning down against stopping it early",
        [
            Curves(
                "Gold at the same distance",
                "√KL from the base model, √nats",
                "gold",
                [Curve(name, np.sqrt(np.maximum(nats, 0)).tolist(), height) for name, nats, _, height in lines],
            ),
            Curves("Gold at the same proxy", "proxy", "gold", [Curve(name, x, height) for name, _, x, height in lines]),
            Curves(
                "Gold by scale",
                "scale",
                "gold",
                [Curve(sweep.label, sweep.scales, sweep.gold, sweep.gold_low, sweep.gold_high) for sweep in sweeps],
                uprights={"trained": 1.0},
            ),
        ],
        "Every point samples the same prompts and seeds. Checkpoints follow the training; the sweep takes one of them "
        "and turns its strength down or up, which costs no training. The higher curve is the better way to the same "
        "distance or proxy.",
        per_row=3,
    )


def _best(curves: RunCurves) -> int:
    return int(curves.part("gold", part=VALIDATION).mean(axis=(1, 2)).argmax())
