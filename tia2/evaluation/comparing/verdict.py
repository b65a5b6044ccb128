"""A paired difference as one sentence, in which every number belongs to the name that it stands beside."""

from __future__ import annotations

from dataclasses import dataclass

from tia2.evaluation.comparing.simultaneous import LEVEL

METHODS = (
    "Each interval is of percentiles of the resampled difference and stands on its own; p is that of a studentised "
    "test. Where they disagree, as with few prompts, p decides: it allows for how uncertain the standard error is."
)
"""What a reader of a table with intervals and p-values must know."""


@dataclass(frozen=True)
class PairedDifference:
    """The difference between two entries, with all that a sentence about it needs.

    Attributes:
        names: The two entries.
        means: Their figures, in the same order.
        difference: First figure minus second.
        low: Lower end of the difference's 95 % interval.
        high: Upper end.
        p: Two-sided p-value.
        prompts: Number of prompts behind the figures.
        wins: Prompts on which the first is better.
        losses: Prompts on which the second is better.
        corrected: Whether p allows for the other models that rank below the better entry.
    """

    names: tuple[str, str]
    means: tuple[float, float]
    difference: float
    low: float
    high: float
    p: float
    prompts: int
    wins: int
    losses: int
    corrected: bool = False

    def turned(self) -> PairedDifference:
        """Return the same difference seen from the other entry."""
        return PairedDifference(
            names=self.names[::-1],
            means=self.means[::-1],
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            p=self.p,
            prompts=self.prompts,
            wins=self.losses,
            losses=self.wins,
            corrected=self.corrected,
        )


def verdict(pair: PairedDifference, metric: str) -> str:
    r"""Say in one sentence which of two entries agrees with people better, or that it isn't settled.

    The better entry is named first, and all numbers are in the order of the names. Where interval and p-value say
    different things, the sentence says which of them decides.

    Args:
        pair: The two entries and their difference.
        metric: The metric's title.

    Returns:
        The sentence, with a full stop; two sentences where interval and p-value disagree.

    Example:
        >>> pair = PairedDifference(("web", "strong"), (0.734, 0.816), -0.082, -0.12, -0.05, 1e-4, 164, 50, 100)
        >>> print(verdict(pair, "AUROC").replace("difference ", "difference\n"))
        strong agrees with people better than web: AUROC 0.816 against 0.734, a difference
        of +0.082 (95 % interval +0.050 to +0.120, p = 0.0001, 164 prompts).
    """
    settled = pair.p <= LEVEL
    if settled and pair.difference < 0:
        pair = pair.turned()
    first, second = pair.names
    if settled:
        claim = f"{first} agrees with people better than {second}"
    else:
        claim = f"Whether {first} or {second} agrees with people better is not settled"
        if not pair.wins and not pair.losses and not pair.difference:
            return f"{claim}: their {metric} of {pair.means[0]:.3f} is the same on each of the {pair.prompts} prompts."
    numbers = f"{metric} {pair.means[0]:.3f} against {pair.means[1]:.3f}, a difference of {signed(pair.difference)}"
    ends = f"{signed(pair.low)} to {signed(pair.high)}"
    p = f"{'corrected ' if pair.corrected else ''}p = {p_text(pair.p)}"
    leaves_out_zero = pair.low > 0 or pair.high < 0
    if leaves_out_zero == settled:
        return f"{claim}: {numbers} (95 % interval {ends}, {p}, {pair.prompts} prompts)."
    reason = "its studentised test allows for how uncertain the standard error is"
    if pair.corrected:
        reason += ", and for the models that rank below the better one"
    return (
        f"{claim}: {numbers} ({p}, {pair.prompts} prompts). The 95 % interval of percentiles, {ends}, "
        f"{'leaves out' if leaves_out_zero else 'holds'} 0; p decides, since {reason}."
    )


def signed(value: float) -> str:
    """Return a difference with three decimals and its sign; what rounds to zero is +0.000.

    Example:
        >>> signed(-0.0821), signed(-0.0001)
        ('-0.082', '+0.000')
    """
    text = f"{value:+.3f}"
    return "+0.000" if text == "-0.000" else text


def p_text(p: float) -> str:
    """Return a p-value with two digits, or with as many as show on which side of 0.05 it lies.

    Example:
        >>> p_text(0.0893), p_text(0.0504), p_text(0.04998)
        ('0.089', '0.0504', '0.04998')
    """
    for digits in range(2, 17):
        text = f"{p:.{digits}g}"
        if (float(text) <= LEVEL) == (p <= LEVEL) and (float(text) != LEVEL or p == LEVEL):
            return text
    return repr(p)
