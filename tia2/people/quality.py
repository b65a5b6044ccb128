"""How a study goes: progress, agreement, pace, raters who stand apart, items in dispute."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tia2.evaluation.people.agreement import krippendorff_alpha
from tia2.people.store.table import VoteTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.people.store.study import Study

POINTS = 24
"""Moments at which agreement over time is measured."""
DISPUTED = 20
"""Items in dispute that are listed."""
FEWEST = 10
"""Votes that can be compared, below which nothing is said against a rater."""


class RaterQuality(NamedTuple):
    """What the votes say of a rater.

    Attributes:
        name: Name of the rater.
        votes: Votes that count, checks included.
        seconds: Median of the seconds per vote; NaN where that isn't known.
        agreement: Correlation of the rater's worths with the means of the others' on the same items, NaN without them.
        low: Lower end of its 95 % interval, by Fisher's transformation.
        high: Upper end of its 95 % interval.
        gold: Share of the known answers that the rater gave, NaN where none was asked.
        repeated: Share of repeated items answered as the first time, NaN where none was repeated.
        apart: Whether the rater agrees with the others clearly less than the raters usually do.
    """

    name: str
    votes: int
    seconds: float
    agreement: float
    low: float
    high: float
    gold: float
    repeated: float
    apart: bool


class Disputed(NamedTuple):
    """An item on which the raters differ.

    Attributes:
        number: Number of the item.
        aspect: Aspect that is in dispute.
        votes: Number of votes.
        mean: Mean of their worths.
    """

    number: int
    aspect: str
    votes: int
    mean: float


class StudyState(NamedTuple):
    """How a study goes.

    Attributes:
        votes: Votes that count towards the items' numbers.
        wanted: Votes that are wanted in all, as far as is known now.
        finished: Items that have what they need.
        items: Items that are asked about.
        alpha: Krippendorff's alpha by aspect, NaN while there is nothing to compare.
        alpha_without: The same without the raters who stand apart.
        times: Moments, in seconds since 1970.
        alphas: Alpha of the first aspect at these moments.
        per_hour: Votes within the last hour of voting.
        raters: Quality of each rater, in order of joining.
        disputed: Items in dispute, the most disputed first.
    """

    votes: int
    wanted: int
    finished: int
    items: int
    alpha: dict[str, float]
    alpha_without: dict[str, float]
    times: list[float]
    alphas: list[float]
    per_hour: int
    raters: list[RaterQuality]
    disputed: list[Disputed]


def state_of(study: Study) -> StudyState:
    """Return how a study goes.

    Args:
        study: The study.
    """
    table = VoteTable.of(study)
    wanted = np.array([row[0] for row in study.file.rows("SELECT wanted FROM items ORDER BY number")])[table.asked]
    given = np.bincount(table.item[table.counting], minlength=table.size)[table.asked]
    matrices = [table.matrix(number) for number in range(len(table.aspects))]
    raters = rater_qualities(table, matrices)
    usual = [number for number, rater in enumerate(raters) if not rater.apart]
    ends = np.unique(np.linspace(0, len(table.item), POINTS + 1).astype(int)[1:])
    ends = ends[ends > 0]
    return StudyState(
        int(given.sum()),
        int(wanted.sum()),
        int((given >= wanted).sum()),
        int(table.asked.sum()),
        {aspect: alpha_of(matrix) for aspect, matrix in zip(table.aspects, matrices, strict=True)},
        {aspect: alpha_of(matrix[:, usual]) for aspect, matrix in zip(table.aspects, matrices, strict=True)},
        [float(table.at[end - 1]) for end in ends],
        [alpha_of(table.matrix(0, int(end))) for end in ends],
        int((table.at > table.at.max() - 3600).sum()) if len(table.at) else 0,
        raters,
        _disputed(table, matrices),
    )


def alpha_of(matrix: NDArray[np.float64]) -> float:
    """Return Krippendorff's alpha of worths by item and rater, NaN where there is nothing to compare.

    Args:
        matrix: Worths, NaN where there is no vote, shape (items, raters).

    Example:
        >>> round(alpha_of(np.array([[1, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, np.nan]])), 3)
        0.667
    """
    return krippendorff_alpha(matrix[None]) if matrix.size else math.nan


def rater_qualities(table: VoteTable, matrices: list[NDArray[np.float64]]) -> list[RaterQuality]:
    """Return what the votes say of each rater, in order of joining.

    Args:
        table: The votes.
        matrices: Worths by item and rater, one per aspect.
    """
    agreements, apart = _agreements(matrices, len(table.raters))
    qualities = []
    for rater, (mean, low, high, _) in enumerate(agreements):
        mine = table.rater == rater
        took = table.seconds[mine & np.isfinite(table.seconds)]
        gold = mine & (table.slot == "gold")
        qualities.append(
            RaterQuality(
                table.raters[rater],
                int(mine.sum()),
                float(np.median(took)) if len(took) else math.nan,
                mean,
                low,
                high,
                _share((table.worths[gold] == table.expected[gold]).all(axis=1)),
                _share(_same_again(table, rater)),
                rater in apart,
            )
        )
    return qualities


def _agreements(
    matrices: list[NDArray[np.float64]], raters: int
) -> tuple[list[tuple[float, float, float, int]], set[int]]:
    """Return each rater's agreement with the others, and who stands apart.

    Whoever stands apart is left out of the others that the rest are compared with, until nobody is added: one
    contrarian makes everybody's agreement low, and a spammer would hide behind that.
    """
    apart: set[int] = set()
    while True:
        agreements = [_agreement(matrices, rater, apart) for rater in range(raters)]
        means = [mean for mean, _, _, count in agreements if count >= FEWEST]
        usual = float(np.median(means)) if len(means) > 2 else math.nan
        # Half of the usual agreement: a rater who is a little stricter, or still learns, is not meant.
        more = {rater for rater, (*_, high, count) in enumerate(agreements) if count >= FEWEST and high < usual / 2}
        if more <= apart or len(apart | more) > raters // 2:
            return agreements, apart
        apart |= more


def _agreement(matrices: list[NDArray[np.float64]], rater: int, apart: set[int]) -> tuple[float, float, float, int]:
    """Return a rater's correlation with the mean of the others, its interval, and the votes that it rests on.

    Each aspect's worths are taken from their mean, so that an aspect on which all agree adds nothing.
    """
    mine, theirs = [], []
    for matrix in matrices:
        others = np.delete(matrix, [rater, *apart], axis=1)
        counts = np.isfinite(others).sum(axis=1)
        both = np.isfinite(matrix[:, rater]) & (counts > 0)
        if both.any():
            means = np.nansum(others[both], axis=1) / counts[both]
            mine.append(matrix[both, rater] - matrix[both, rater].mean())
            theirs.append(means - means.mean())
    count = sum(map(len, mine))
    if count < 4:
        return math.nan, math.nan, math.nan, count
    a, b = np.concatenate(mine), np.concatenate(theirs)
    spread = float(np.sqrt((a @ a) * (b @ b)))
    # Who always answers the same says nothing of the images.
    correlation = float(a @ b) / spread if spread > 0 else 0.0
    z, error = math.atanh(min(max(correlation, -0.999999), 0.999999)), 1.96 / math.sqrt(count - 3)
    return correlation, math.tanh(z - error), math.tanh(z + error), count


def _same_again(table: VoteTable, rater: int) -> NDArray[np.bool_]:
    """Return whether each repeated item was answered as the first time."""
    mine = table.rater == rater
    first = {item: table.worths[vote] for vote in np.flatnonzero(mine & table.counting) for item in [table.item[vote]]}
    repeats = np.flatnonzero(mine & (table.slot == "repeat"))
    same = [
        bool((table.worths[vote] == first[table.item[vote]]).all()) for vote in repeats if table.item[vote] in first
    ]
    return np.array(same, dtype=np.bool_)


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else math.nan


def _disputed(table: VoteTable, matrices: list[NDArray[np.float64]]) -> list[Disputed]:
    disputes = []
    for aspect, matrix in zip(table.aspects, matrices, strict=True):
        counts = np.isfinite(matrix).sum(axis=1)
        means = np.nansum(matrix, axis=1) / np.maximum(counts, 1)
        spread = np.nansum((matrix - means[:, None]) ** 2, axis=1)
        disputes += [
            (abs(means[number] - 0.5), -counts[number], number, aspect, means[number])
            for number in np.flatnonzero((counts > 1) & (spread > 0))
        ]
    disputes.sort()
    return [
        Disputed(int(number), aspect, int(-count), float(mean))
        for _, count, number, aspect, mean in disputes[:DISPUTED]
    ]
