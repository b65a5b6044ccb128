"""Rules that choose a checkpoint, none of which sees the test images' gold."""

from __future__ import annotations

import numpy as np

from ..bon.records import Number, Part
from ..runner.parts import VALIDATION
from .curves import RunCurves, interval_over_images


class RuleOutcome(Part):
    """What a rule for choosing a checkpoint chose, and what that is worth on the test images."""

    rule: str
    epoch: int
    kl: Number
    """Path KL there, nats, without the last two steps."""
    proxy: Number
    gold: Number
    """Mean gold; NaN without a gold judge."""
    gold_interval: tuple[Number, Number]
    """What other seeds would give on these prompts."""


def checkpoint_rules(curves: RunCurves, kl_budget: float = 10.0, held_out: bool = False) -> list[RuleOutcome]:
    """Return what the rules choose: the base model, the last, the best by proxy, within a KL budget, the best by gold.

    "best proxy" is the paper's rule. The gold rule looks at the gold of validation images only.

    Args:
        curves: The run's curves.
        kl_budget: Nats of path KL, without the last two steps, of the budget rule.
        held_out: Whether to judge on held-out prompts.
    """
    within = np.flatnonzero(curves.kl <= kl_budget)
    choices = {
        "base model": 0,
        "last": len(curves.epochs) - 1,
        "best proxy": int(curves.part("proxy", part=VALIDATION).mean(axis=(1, 2)).argmax()),
        f"KL ≤ {kl_budget:g} nats": int(within[-1]) if len(within) else 0,
    }
    if "gold" in curves.values:
        choices["best gold on validation"] = int(curves.part("gold", part=VALIDATION).mean(axis=(1, 2)).argmax())
    return [_outcome(curves, rule, position, held_out) for rule, position in choices.items()]


def _outcome(curves: RunCurves, rule: str, position: int, held_out: bool) -> RuleOutcome:
    gold = curves.part("gold", held_out=held_out)[position] if "gold" in curves.values else None
    return RuleOutcome(
        rule=rule,
        epoch=int(curves.epochs[position]),
        kl=float(curves.kl[position]),
        proxy=float(curves.part("proxy", held_out=held_out)[position].mean()),
        gold=float("nan") if gold is None else float(gold.mean()),
        gold_interval=(float("nan"), float("nan")) if gold is None else interval_over_images(gold),
    )
