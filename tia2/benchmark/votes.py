"""What three votes on an item mean: the human score and the label.

A vote is 1 (aligned), 0 (not aligned) or -1 (unsure). The human score is the mean of an item's votes with an unsure
vote counted as one half; an item is aligned when its human score is above one half. On the released votes this label
is the majority's, and its mean per prompt equals the released `human` rate of all 525 released prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

UNSURE = -1
THRESHOLD = 0.5
_WORTH = {1: 1.0, 0: 0.0, UNSURE: 0.5}


def votes_of(votes: Any) -> list[int]:
    """Return one item's votes as whole numbers; None and NaN are no vote, 1.0 and True are 1.

    Args:
        votes: A sequence of votes.

    Raises:
        BenchmarkError: It is no sequence, or holds something else.

    Example:
        >>> votes_of([1.0, None, True, -1])
        [1, 1, -1]
    """
    # Nearly always, and three times as fast as the checks below.
    if type(votes) is list and all(type(vote) is int and vote in _WORTH for vote in votes):
        return votes.copy()
    if isinstance(votes, str | bytes) or not isinstance(votes, Iterable) or hasattr(votes, "keys"):
        raise BenchmarkError(
            f"Expected votes of 1 (aligned), 0 (not) or -1 (unsure) as a list, such as [1, 0, -1], got {votes!r:.60}."
        )
    numbers = list(votes)
    whole = [vote for vote in numbers if vote is not None and vote == vote]
    for vote in whole:
        if not isinstance(vote, Real) or vote not in _WORTH:
            raise BenchmarkError(
                f"Expected votes of 1 (aligned), 0 (not) or -1 (unsure), got {_shown(numbers)}: {vote!r:.40} is none."
            )
    return [int(vote) for vote in whole]


def human_score(votes: Sequence[int]) -> float:
    """Return the mean of one item's votes, an unsure vote counted as one half.

    Args:
        votes: Any number of votes, each 1 (aligned), 0 (not aligned) or -1 (unsure); None and NaN are no vote.

    Returns:
        The human score, between 0 and 1.

    Raises:
        BenchmarkError: There is no vote, or one is none of 1, 0 and -1.

    Example:
        >>> human_score([1, 0, -1])
        0.5
    """
    numbers = votes_of(votes)
    if not numbers:
        raise BenchmarkError("An item has no votes: expected at least one vote of 1, 0 or -1.")
    return sum(_WORTH[vote] for vote in numbers) / len(numbers)


def human_scores(votes: Iterable[Sequence[int]]) -> NDArray[np.float64]:
    """Return the human score of every item.

    Args:
        votes: The votes of each item; items may differ in their number of votes.

    Returns:
        Scores of shape (items,), each between 0 and 1.

    Raises:
        BenchmarkError: An item has no vote, or a vote is none of 1, 0 and -1.

    Example:
        >>> human_scores([[1, 1, 1], [0, 1]]).tolist()
        [1.0, 0.5]
    """
    return np.array([human_score(item) for item in votes], dtype=np.float64)


def is_aligned(score: float) -> bool:
    """Return the label of an item: aligned when its human score is above one half.

    Args:
        score: A human score, between 0 and 1.

    Returns:
        Whether people call the image aligned with its prompt.

    Example:
        >>> is_aligned(human_score([1, 1, 0])), is_aligned(human_score([1, 0, -1]))
        (True, False)
    """
    return bool(score > THRESHOLD)


def labels(scores: ArrayLike) -> NDArray[np.bool_]:
    """Return the label of every item, from their human scores.

    Args:
        scores: Human scores of any shape.

    Returns:
        Labels of the same shape.

    Example:
        >>> labels([0.5, 2 / 3]).tolist()
        [False, True]
    """
    return np.asarray(np.asarray(scores, dtype=np.float64) > THRESHOLD)


def _shown(votes: list[Any]) -> str:
    return str(votes[:8]) if len(votes) <= 8 else f"{str(votes[:8])[:-1]}, …]"
