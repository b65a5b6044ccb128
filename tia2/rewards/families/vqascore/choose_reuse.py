"""The choice of the work on an image that can be kept and used for all texts, by trying."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tia2.errors import RewardError
from tia2.rewards.families.vqascore.answerer import Answerer
from tia2.rewards.families.vqascore.prefix import PrefixCopies, PrefixStates
from tia2.rewards.families.vqascore.question import Prepared, Tail
from tia2.rewards.families.vqascore.reuse import Reuse, VisionFeatures, WholePairs
from tia2.rewards.loading.batching import is_out_of_memory

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.02}
"""The largest distance of logits from those of the whole model, as a share of their spread, that counts as equal."""

FAILURES = (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError, NotImplementedError)


def choose(answerer: Answerer, prepared: Prepared, tails: Sequence[Tail], where: str) -> tuple[Reuse, str]:
    """Return the way to share most work whose logits equal the whole model's, and why not a better one.

    Which way is right depends on masks, caches and positions inside each architecture, which no configuration tells
    reliably; so each is tried, best first, on a small image.

    Args:
        answerer: The model.
        prepared: An image to try on.
        tails: Two or more tails of unequal lengths.
        where: Name of the model in errors.

    Raises:
        RewardError: The model can't answer about an image at all, or gives numbers that are not finite.
    """
    whole = WholePairs(answerer)
    try:
        expected = whole.logits(whole.embed(prepared), tails)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        raise RewardError(
            f"{where} can't answer a question about an image: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from None
    if not expected.isfinite().all():
        raise RewardError(f"{where} gives logits that are not finite in {answerer.model.dtype}: use another dtype.")
    reasons: list[str] = []
    for candidate in (PrefixStates(answerer), PrefixCopies(answerer), VisionFeatures(answerer)):
        reason = _objection(answerer, candidate, prepared, tails, expected)
        if not reason:
            return candidate, "; ".join(reasons)
        reasons.append(f"not {candidate.name.partition(';')[0]}, because {reason}")
    return whole, "; ".join(reasons)


def _objection(
    answerer: Answerer, candidate: Reuse, prepared: Prepared, tails: Sequence[Tail], expected: torch.Tensor
) -> str:
    """Return why the logits of a way to share work can't be used, or nothing."""
    try:
        logits = candidate.logits(candidate.embed(prepared), tails)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        return " ".join(str(error).split())[:120] or type(error).__name__
    if logits.shape != expected.shape or not logits.isfinite().all():
        return "the logits are of another shape or not finite"
    spread = (expected - expected.mean(dim=1, keepdim=True)).norm(dim=1)
    shift = float(((logits - expected).norm(dim=1) / spread).max())
    # Not the other way round: a constant model has no spread, which makes this NaN.
    return f"that moves the logits by {shift:.2g} of their spread" if shift > TOLERANCE[answerer.model.dtype] else ""
