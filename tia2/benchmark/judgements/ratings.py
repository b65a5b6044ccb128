"""Ratings: graded judgements of items on a stated scale, with gaps.

The human score of an item is the mean of its ratings, scaled so that the scale's ends are 0 and 1. An item is aligned
by the rule that the scale states: where the mean rating is above a threshold (the scale's middle, if nothing is said),
or at least a threshold. Votes are the special case of the scale 0 to 1 with the rule "above 0.5".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tia2.errors import BenchmarkError
from tia2.files import explain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-9
"""Distance from a threshold, on the scale 0 to 1, within which a mean counts as equal to it: rounding of sums."""


_RULES = ("aligned_above", "aligned_from", "majority_from")


class RatingScale(BaseModel):
    """The scale of ratings, and the rule by which an item is aligned.

    Attributes:
        low: Lowest rating.
        high: Highest rating.
        aligned_above: Mean rating above which an item is aligned; the scale's middle if neither rule is given.
        aligned_from: Mean rating from which on an item is aligned, instead of `aligned_above`.
        majority_from: Rating from which on it speaks for the item, which is aligned where more than half of its ratings
            do, instead of a rule on their mean.
        raters: Names of the raters, where the n-th rating of every item is the same rater's; None where the order of
            the ratings means nothing.

    Example:
        >>> scale = RatingScale(low=1, high=5, aligned_from=4)
        >>> scale.rule
        'mean rating of 4 or more, on a scale of 1 to 5'
        >>> scale.scaled([1, 4, 5]).tolist(), scale.aligned([0.5, 0.75]).tolist()
        ([0.0, 0.75, 1.0], [False, True])
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float
    high: float
    aligned_above: float | None = None
    aligned_from: float | None = None
    majority_from: float | None = None
    raters: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_rule(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping) or not {"low", "high"} <= set(fields):
            return fields
        if all(fields.get(rule) is None for rule in _RULES):
            low, high = fields["low"], fields["high"]
            if isinstance(low, Real) and isinstance(high, Real):
                return {**fields, "aligned_above": (float(low) + float(high)) / 2}
        return fields

    @model_validator(mode="after")
    def _checked(self) -> RatingScale:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"expected low below high, got {self.low:g} and {self.high:g}")
        if sum(getattr(self, rule) is not None for rule in _RULES) > 1:
            raise ValueError(f"expected one of {', '.join(_RULES)}, got several")
        if not self.low <= self.threshold <= self.high:
            raise ValueError(f"the threshold {self.threshold:g} is outside {self.low:g} to {self.high:g}")
        if self.raters is not None and len(set(self.raters)) < len(self.raters):
            raise ValueError("a rater is named twice")
        return self

    @property
    def threshold(self) -> float:
        """The mean rating, or rating, at which the rule divides."""
        given = [getattr(self, rule) for rule in _RULES if getattr(self, rule) is not None]
        return float(given[0]) if given else math.nan

    @property
    def rule(self) -> str:
        """The rule by which an item is aligned, in words."""
        if self.majority_from is not None:
            return f"more than half of the ratings at {self.threshold:g} or more, of {self.low:g} to {self.high:g}"
        which = f"above {self.threshold:g}" if self.aligned_above is not None else f"of {self.threshold:g} or more"
        return f"mean rating {which}, on a scale of {self.low:g} to {self.high:g}"

    def scaled(self, ratings: ArrayLike) -> NDArray[np.float64]:
        """Return ratings as numbers from 0 (the scale's lowest) to 1 (its highest), of the same shape.

        Args:
            ratings: Ratings, NaN for gaps.
        """
        numbers = np.asarray(ratings, dtype=np.float64)
        return np.asarray((numbers - self.low) / (self.high - self.low))

    def aligned(self, scores: ArrayLike, ratings: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return the labels of items, of the shape of their human scores.

        Args:
            scores: Human scores: mean ratings, scaled to 0 to 1.
            ratings: Ratings, scaled to 0 to 1, NaN for gaps, with one more dimension; for a rule on the majority.

        Raises:
            BenchmarkError: The rule is on the majority, and there are no ratings.
        """
        numbers = np.asarray(scores, dtype=np.float64)
        if self.majority_from is not None:
            if ratings is None:
                raise BenchmarkError(
                    f"The rule for labels is {self.rule!r}, and there are no ratings, only their means."
                )
            each = np.asarray(ratings, dtype=np.float64)
            given = np.isfinite(each)
            speaks = given & (np.nan_to_num(each) >= self.scaled(self.majority_from) - TOLERANCE)
            return np.asarray(2 * speaks.sum(axis=-1) > given.sum(axis=-1))
        threshold = (self.threshold - self.low) / (self.high - self.low)
        if self.aligned_above is not None:
            return np.asarray(numbers > threshold + TOLERANCE)
        return np.asarray(numbers >= threshold - TOLERANCE)

    @classmethod
    def of(cls, fields: Any, where: str) -> RatingScale:
        """Return the scale that a card or caller states.

        Args:
            fields: A scale, or its fields by name.
            where: Words for the error, such as a file's name.

        Raises:
            BenchmarkError: It isn't one.
        """
        if isinstance(fields, RatingScale):
            return fields
        if not isinstance(fields, Mapping):
            raise BenchmarkError(f"{where}: expected a scale such as {{low: 1, high: 5}}, got {fields!r:.80}.")
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            raise BenchmarkError(f"{where} is no scale of ratings: {explain(error, 'the scale')}.") from None

    def written(self) -> dict[str, Any]:
        """Return the fields that a card states."""
        return self.model_dump(exclude_none=True, mode="json")


def checked_ratings(
    items: Sequence[str], column: Sequence[Any], name: str, scale: RatingScale
) -> list[list[float | None]]:
    """Return each item's ratings as numbers, None for gaps.

    Args:
        items: Ids of the items.
        column: Their ratings: a list of numbers, None and NaN for gaps.
        name: The benchmark's name, for the error.
        scale: The scale.

    Raises:
        BenchmarkError: Something is no number or outside the scale, an item has no rating, or the number of ratings
            isn't that of the raters that the scale names.
    """
    return [_checked(item, ratings, name, scale) for item, ratings in zip(items, column, strict=True)]


def mean_ratings(ratings: Iterable[Sequence[float | None]], scale: RatingScale) -> list[float]:
    """Return each item's human score: the mean of its ratings, scaled to 0 to 1.

    Args:
        ratings: Ratings of each item, None for gaps; at least one of each.
        scale: The scale.

    Example:
        >>> mean_ratings([[1, None, 5], [4]], RatingScale(low=1, high=5))
        [0.5, 0.75]
    """
    given = ([rating for rating in item if rating is not None] for item in ratings)
    return [float(scale.scaled(math.fsum(item) / len(item))) for item in given]


def rating_matrix(ratings: Sequence[Sequence[float | None] | None], scale: RatingScale) -> NDArray[np.float64]:
    """Return ratings scaled to 0 to 1, shape (items, most ratings of an item), NaN for gaps.

    Args:
        ratings: Ratings of each item, None for gaps.
        scale: The scale.

    Example:
        >>> rating_matrix([[1, None, 5], [4]], RatingScale(low=1, high=5)).tolist()
        [[0.0, nan, 1.0], [0.75, nan, nan]]
    """
    width = max((len(item) for item in ratings if item is not None), default=0)
    matrix = np.full((len(ratings), width), np.nan)
    for row, item in enumerate(ratings):
        for column, rating in enumerate(() if item is None else item):
            matrix[row, column] = np.nan if rating is None else rating
    return scale.scaled(matrix)


def _checked(item: str, ratings: Any, name: str, scale: RatingScale) -> list[float | None]:
    where = f"Benchmark {name!r}, item {item!r}"
    if isinstance(ratings, str | bytes | Mapping) or not isinstance(ratings, Iterable):
        raise BenchmarkError(f"{where}: expected ratings as a list, such as [4, None, 5], got {ratings!r:.60}.")
    numbers = [_number(rating, where, scale) for rating in ratings]
    if scale.raters is not None and len(numbers) != len(scale.raters):
        raise BenchmarkError(
            f"{where}: {len(numbers)} ratings, and the scale names {len(scale.raters)} raters; write None for a gap."
        )
    if all(number is None for number in numbers):
        raise BenchmarkError(f"{where} has no ratings: expected at least one from {scale.low:g} to {scale.high:g}.")
    return numbers


def _number(rating: Any, where: str, scale: RatingScale) -> float | None:
    if rating is None or (isinstance(rating, float) and math.isnan(rating)):
        return None
    if isinstance(rating, bool | np.bool_) or not isinstance(rating, Real):
        raise BenchmarkError(f"{where}: expected ratings as numbers, got {rating!r:.40}.")
    number = float(rating)
    if not scale.low <= number <= scale.high:
        raise BenchmarkError(
            f"{where}: the rating {number:g} is outside the scale of {scale.low:g} to {scale.high:g}. Correct it, or "
            "write None for a gap."
        )
    return number
