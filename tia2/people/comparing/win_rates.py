"""How often people prefer one model to another, and whether the side on which it stood had a part in that."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tia2.errors import ResultError
from tia2.people.comparing.clustered import ClusteredMean, clustered_mean
from tia2.people.comparing.pair_votes import Contest, Flags, Floats, PairVotes

HALF = 0.5


@dataclass(frozen=True)
class WinRate:
    """How often people prefer the first of two models.

    Attributes:
        first: Name of the model.
        second: Name of the other one.
        rate: Wins and half of the ties, as a share of the votes.
        wins: Share of votes for the first.
        ties: Share of votes for neither.
        losses: Share of votes for the second.
        p_value: Two-sided p-value of a rate of one half, for a single look at the end of the study.
        position: Preference for the left side whatever it shows, in shares of the votes; None if it can't be told.
    """

    first: str
    second: str
    rate: ClusteredMean
    wins: ClusteredMean
    ties: ClusteredMean
    losses: ClusteredMean
    p_value: float
    position: ClusteredMean | None


def win_rate(contest: Contest) -> WinRate:
    """Return how often people prefer the first of two models, with intervals over prompts and raters.

    Rate = (wins + ties / 2) / votes. Every vote counts alike. Seen from the other model all figures mirror.

    Args:
        contest: Votes on pairs of the two.

    Returns:
        The rate, its parts, and the effect of position; that is None where one model always stood on one side.

    Example:
        >>> import pandas as pd
        >>> from tia2.people.comparing.pair_votes import COLUMNS
        >>> rows = [(f"p{n % 4}", f"p{n % 4}", "a", "b", f"r{n // 4}", "all", "left", 0.0) for n in range(8)]
        >>> win_rate(PairVotes(pd.DataFrame(rows, columns=COLUMNS)).between("b", "a")).rate.mean
        0.0
    """
    worths = contest.worths

    def share(values: Floats) -> ClusteredMean:
        return clustered_mean(values, contest.prompts, contest.raters, bounds=(0.0, 1.0))

    rate = share(worths)
    return WinRate(
        first=contest.first,
        second=contest.second,
        rate=rate,
        wins=share((worths == 1).astype(np.float64)),
        ties=share((worths == HALF).astype(np.float64)),
        losses=share((worths == 0).astype(np.float64)),
        p_value=rate.p_value(HALF),
        position=position_bias(contest),
    )


def win_rates(votes: PairVotes) -> list[WinRate]:
    """Return the win rates of all pairs of models that people compared, in the order of the models' names.

    Args:
        votes: Votes on one question.

    Raises:
        ResultError: There are no votes.
    """
    if not len(votes):
        raise ResultError("There are no votes on pairs yet.")
    return [win_rate(contest) for contest in contests_of(votes)]


def contests_of(votes: PairVotes) -> list[Contest]:
    """Return the votes on each two models that people compared, in the order of the models' names.

    Args:
        votes: Votes on one question.
    """
    compared = {frozenset(pair) for pair in zip(votes.frame["left"], votes.frame["right"], strict=True)}
    return [votes.between(*pair) for pair in combinations(votes.models, 2) if frozenset(pair) in compared]


def position_bias(contest: Contest) -> ClusteredMean | None:
    """Return how much being on the left adds to a model's rate; None where a model always stood on one side.

    b = (r_left − r_right) / 2, where r are the rates of one model on both sides: 0.5 + b is how often the left one
    would be preferred if both showed the same image. It is a mean of ±(y − ȳ) N / (2 N_side) over the votes, so it has
    an interval over prompts and raters as the rate has. It doesn't depend on which model is the first.

    Args:
        contest: Votes on pairs of two models.
    """
    return _side_effect(contest.worths, contest.on_left, contest)


def _side_effect(worths: Floats, on_left: Flags, contest: Contest) -> ClusteredMean | None:
    counts = {True: int(on_left.sum()), False: int((~on_left).sum())}
    if not all(counts.values()):
        return None
    sides = np.where(on_left, len(worths) / counts[True], -len(worths) / counts[False])
    return clustered_mean(sides * (worths - worths.mean()) / 2, contest.prompts, contest.raters, bounds=(-HALF, HALF))
