"""Does a reward model agree with people on which of two images is the better?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tia2.errors import ResultError
from tia2.people.comparing.clustered import ClusteredMean, clustered_mean
from tia2.people.comparing.pair_votes import Contest, Flags, Floats


@dataclass(frozen=True)
class JudgedContest:
    """Agreement of a judge, such as a proxy or the gold judge, with people on pairs of two models.

    Attributes:
        name: Name of the judge.
        pairs: Number of pairs that it scored.
        rate: Share of pairs in which it prefers the first model, ties half; the interval is over prompts.
        agreement: Share of votes for one side that are for the side that the judge prefers, ties of the judge half.
        people: The same for a vote and most of the other votes on its pair; None where no pair has several.
    """

    name: str
    pairs: int
    rate: ClusteredMean
    agreement: ClusteredMean | None
    people: ClusteredMean | None


def judged_contest(contest: Contest, name: str, differences: Mapping[str, float]) -> JudgedContest:
    """Compare a judge with people, pair by pair.

    Votes that are ties don't count for agreement: nothing says how close two scores must be to tie. Of people, a vote
    counts where the others on its pair prefer a side.

    Args:
        contest: Votes on pairs of two models.
        name: Name of the judge.
        differences: Score of the first model's image less that of the second's, by item.

    Returns:
        The agreement, with intervals over prompts and raters.

    Raises:
        ResultError: The judge scored none of the pairs, or a score isn't finite.
    """
    scored = np.array([item in differences for item in contest.items])
    if not scored.any():
        raise ResultError(f"{name} has a score for none of the pairs.")
    gaps = np.array([differences.get(item, 0.0) for item in contest.items], np.float64)
    if not np.isfinite(gaps).all():
        raise ResultError(f"{name} has a score that isn't finite.")
    preferred = (np.sign(gaps) + 1) / 2
    _, first = np.unique(np.array(contest.items), return_index=True)
    of_pairs = first[scored[first]]
    rate = clustered_mean(
        preferred[of_pairs], contest.prompts[of_pairs], np.zeros(len(of_pairs), np.intp), bounds=(0.0, 1.0)
    )
    agrees = 1 - np.abs(preferred - contest.worths)
    return JudgedContest(
        name=name,
        pairs=len(of_pairs),
        rate=rate,
        agreement=_mean(agrees, (contest.worths != 0.5) & scored, contest),
        people=people_agree(contest),
    )


def people_agree(contest: Contest) -> ClusteredMean | None:
    """Return how often a vote for a side is for the side that most others prefer; None where nobody can be compared.

    Args:
        contest: Votes on pairs of two models.
    """
    _, numbers = np.unique(np.array(contest.items), return_inverse=True)
    sums, counts = np.bincount(numbers, contest.worths), np.bincount(numbers)
    # Halves: a vote counts twice its worth, so that sums are whole numbers and a tie of the others is exact.
    others = 2 * (sums[numbers] - contest.worths) - (counts[numbers] - 1)
    agrees = (np.sign(others) == np.sign(2 * contest.worths - 1)).astype(np.float64)
    return _mean(agrees, (contest.worths != 0.5) & (others != 0), contest)


def _mean(values: Floats, chosen: Flags, contest: Contest) -> ClusteredMean | None:
    if not chosen.any():
        return None
    return clustered_mean(values[chosen], contest.prompts[chosen], contest.raters[chosen], bounds=(0.0, 1.0))
