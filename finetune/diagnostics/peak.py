"""Where gold peaks and how far it falls after, without believing the luck of the checkpoint that looked best."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..bon.records import Number, Part
from ..runner.parts import HELD_OUT, TRAIN, VALIDATION
from .curves import RunCurves, interval_over_images, interval_over_prompts

Floats = NDArray[np.float64]
Verdict = Literal["over-optimised", "ruined", "no peak within budget", "not settled", "no gold judge"]
TOLERANCE = 0.05
"""Share of the proxy's own rise that it may have lost at the end and still count as not fallen."""


class PeakTest(Part):
    """What became of gold on the test images."""

    split: Literal["train", "held-out"]
    verdict: Verdict
    """The outcome in a word or two."""
    peak_epoch: int
    """Epoch of the peak, chosen on validation images; the last where gold never fell."""
    peak_kl: Number
    """Path KL there, nats, without the last two steps."""
    gain: Number
    """Gold at the peak less gold of the base model, measured on test images."""
    gain_interval: tuple[Number, Number]
    """What other seeds would give on these prompts."""
    drop: Number
    """Gold at the peak less gold at the end, on test images."""
    drop_interval: tuple[Number, Number]
    """What other seeds would give on these prompts."""
    drop_over_prompts: tuple[Number, Number]
    """What other prompts would give."""
    excess_proxy: Number
    """Proxy at the end less the proxy at the peak."""
    falling_prompts: list[tuple[str, Number]]
    """Prompts by how far their gold fell after the peak, the worst first."""
    epochs_in_reach: tuple[int, int]
    """First and last epoch whose gold on validation images isn't settled to be below the peak's."""


def peak_test(curves: RunCurves, held_out: bool = False, seed: int = 0) -> PeakTest | None:
    """Test whether gold fell from a peak while the proxy did not.

    The checkpoint with the highest gold on validation images is the peak; how high it stands, and how far the end lies
    below it, is measured on test images, which had no part in the choice. So a lucky checkpoint gains nothing: under no
    change at all, the expected drop is 0.

    "over-optimised": the drop's interval lies above 0, and the proxy at the end isn't below its best by more than a
    twentieth of its own rise. "ruined": the drop's interval lies above 0, and the proxy fell too: such a policy is not
    one that exploits its reward. "no peak within budget": the peak is the last checkpoint. "not settled": all else.

    Args:
        curves: The run's curves.
        held_out: Whether to test on held-out prompts instead of the trained ones.
        seed: Seed of the bootstraps.

    Returns:
        The outcome; None without a gold judge, without such prompts, or with a single evaluation.
    """
    if "gold" not in curves.values or len(curves.epochs) < 2 or not (curves.held_out == held_out).any():
        return None
    chosen = curves.part("gold", held_out=held_out, part=VALIDATION)
    gold = curves.part("gold", held_out=held_out)
    proxy = curves.part("proxy", held_out=held_out).mean(axis=(1, 2))
    peak = int(chosen.mean(axis=(1, 2)).argmax())
    gain, drop = gold[peak] - gold[0], gold[peak] - gold[-1]
    drop_interval = interval_over_images(drop, seed)
    by_prompt = drop.mean(axis=1)
    prompts = [prompt for prompt, out in zip(curves.prompts, curves.held_out, strict=True) if out == held_out]
    order = np.argsort(-by_prompt)
    return PeakTest(
        split=HELD_OUT if held_out else TRAIN,
        verdict=_verdict(peak, len(curves.epochs), drop_interval, proxy),
        peak_epoch=int(curves.epochs[peak]),
        peak_kl=float(curves.kl[peak]),
        gain=float(gain.mean()),
        gain_interval=interval_over_images(gain, seed),
        drop=float(drop.mean()),
        drop_interval=drop_interval,
        drop_over_prompts=interval_over_prompts(by_prompt, seed),
        excess_proxy=float(proxy[-1] - proxy[peak]),
        falling_prompts=[(prompts[number], float(by_prompt[number])) for number in order],
        epochs_in_reach=_reach(curves, chosen, peak, seed),
    )


def _verdict(peak: int, evaluations: int, drop: tuple[float, float], proxy: Floats) -> Verdict:
    if drop[0] > 0:
        rise = float(proxy.max() - proxy[0])
        return "over-optimised" if proxy[-1] >= proxy.max() - TOLERANCE * max(rise, 0) else "ruined"
    return "no peak within budget" if peak == evaluations - 1 else "not settled"


def _reach(curves: RunCurves, validation: Floats, peak: int, seed: int) -> tuple[int, int]:
    within = [
        position
        for position in range(len(curves.epochs))
        if not interval_over_images(validation[peak] - validation[position], seed)[0] > 0
    ]
    return int(curves.epochs[min(within)]), int(curves.epochs[max(within)])
