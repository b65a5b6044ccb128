"""The answer of a report in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..diagnostics.peak import PeakTest


def verdict_sentence(
    judges: Mapping[str, str], peak: PeakTest | None, gold: Sequence[float], epochs: Sequence[int]
) -> str:
    """Return what became of gold while the proxy was optimised.

    Args:
        judges: Names of the judges, by role.
        peak: The peak test; None without a gold judge.
        gold: Mean gold on the test images of trained prompts at each evaluation.
        epochs: Epochs of the evaluations.
    """
    proxy = judges["proxy"]
    if peak is None or not gold:
        return f"Without a gold judge nothing can be said about over-optimising {proxy}."
    judge, last = f"gold ({judges['gold']})", epochs[-1]
    top = gold[list(epochs).index(peak.peak_epoch)]
    spread = f"95 % interval {peak.drop_interval[0]:.2f} to {peak.drop_interval[1]:.2f}"
    fall = f"falls by {peak.drop:.2f} ({spread})"
    climb = f"{judge} goes from {gold[0]:.2f} to {top:.2f} at epoch {peak.peak_epoch} ({peak.peak_kl:.1f} nats)"
    if peak.peak_epoch == epochs[0]:
        climb = f"{judge} is highest before training, at {top:.2f},"
    if peak.verdict == "over-optimised":
        return f"Over-optimised: {climb} and {fall} by epoch {last}, while the proxy {proxy} keeps what it gained."
    if peak.verdict == "ruined":
        return (
            f"Ruined, which is not over-optimisation: {climb} and {fall} by epoch {last}, and the proxy {proxy} falls "
            "from its best, too."
        )
    if peak.verdict == "no peak within budget":
        return f"No peak within budget: {judge} is best at the end, after {last} epochs of optimising {proxy}."
    return f"Not settled: {climb} and {fall} by epoch {last}; whether {proxy} is over-optimised needs more images."
