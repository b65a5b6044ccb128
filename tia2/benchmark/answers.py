"""What people answered about each item, checked before anything is scored: votes, human scores and labels.

A vote is 1, 0 or -1, also written as 1.0 or True; None and NaN are no vote. Whatever else stands in these columns is
refused by item and value, and so are columns that say different things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

from tia2.benchmark.judgements.ratings import RatingScale, mean_ratings, rating_matrix
from tia2.benchmark.votes import THRESHOLD, human_score, is_aligned, votes_of
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import datasets

ROUNDING = 0.0051
"""Largest difference of a human score from the mean of its votes that rounding to two digits explains."""

_INSTEAD = (
    "Ratings, sliders and texts aren't votes: leave the column votes out, and give ratings with their scale as "
    "ratings, or each item's mean, from 0 to 1, as human_score."
)
_SAY_HOW = (
    "Correct one of them; or, if it is meant, say how {column} was made: `how_made: {{{column}: …}}` at the top of the "
    "benchmark's README.md, or load(…, how_made={{{column!r}: …}})."
)


def checked_votes(items: Sequence[str], column: Sequence[Any], name: str) -> list[list[int] | None]:
    """Return each item's votes as whole numbers, without what is no vote; None where there is no list.

    Args:
        items: Ids of the items.
        column: Their votes.
        name: The benchmark's name, for the error.

    Raises:
        BenchmarkError: Something is neither a vote nor missing.
    """
    return [_checked_votes(item, votes, name) for item, votes in zip(items, column, strict=True)]


def scores_from_votes(items: Sequence[str], votes: Sequence[list[int] | None], name: str) -> list[float]:
    """Return each item's human score from its votes.

    Args:
        items: Ids of the items.
        votes: Their votes, as `checked_votes` returned them.
        name: The benchmark's name, for the error.

    Raises:
        BenchmarkError: An item has no vote.
    """
    for item, given in zip(items, votes, strict=True):
        if not given:
            raise BenchmarkError(
                f"Benchmark {name!r}, item {item!r}: An item has no votes: expected at least one vote of 1, 0 or -1."
            )
    return [human_score(given or []) for given in votes]


def checked_scores(items: Sequence[str], column: Sequence[Any], name: str, *, has_labels: bool) -> list[float]:
    """Return each item's human score as a number.

    Args:
        items: Ids of the items.
        column: Their human scores.
        name: The benchmark's name, for the error.
        has_labels: Whether labels are given, so that scores may have any scale.

    Raises:
        BenchmarkError: One is no finite number, or outside [0, 1] without labels.
    """
    for item, score in zip(items, column, strict=True):
        if not isinstance(score, Real | Decimal) or not math.isfinite(score):
            raise BenchmarkError(f"Benchmark {name!r}: the human_score of {item!r} is {score!r}; expected a number.")
        if not has_labels and not 0 <= float(score) <= 1:
            raise BenchmarkError(
                f"Benchmark {name!r}: the human_score of {item!r} is {score}, outside [0, 1], so what is aligned can't "
                "be told from it; add a column label."
            )
    return [float(score) for score in column]


def checked_labels(items: Sequence[str], column: Sequence[Any], name: str) -> list[bool]:
    """Return each item's label as a boolean; 1, 0, 1.0 and 0.0 are taken for one.

    Args:
        items: Ids of the items.
        column: Their labels.
        name: The benchmark's name, for the error.

    Raises:
        BenchmarkError: One is something else.
    """
    for item, label in zip(items, column, strict=True):
        if not isinstance(label, Real) or label not in (0, 1):
            raise BenchmarkError(f"Benchmark {name!r}: the label of {item!r} is {label!r}; expected true or false.")
    return [bool(label) for label in column]


def check_agreement(
    values: Mapping[str, Sequence[Any]], name: str, how_made: Mapping[str, str], scale: RatingScale | None = None
) -> None:
    """Refuse human scores that contradict votes or ratings, and labels that contradict the human scores.

    Args:
        values: The columns item_id, human_score, and votes, ratings and label where they were given.
        name: The benchmark's name, for the error.
        how_made: Text on how human_score or label was made, by column, where it isn't made of votes or scores.
        scale: Scale of the ratings, with the rule for labels; None where people gave votes.

    Raises:
        BenchmarkError: Two columns say different things of an item, and nothing says that it is meant.
    """
    scores = values["human_score"]
    if "votes" in values and "human_score" not in how_made:
        for item, votes, score in zip(values["item_id"], values["votes"], scores, strict=True):
            if not votes:
                continue
            mean = human_score(votes)
            if abs(score - mean) > ROUNDING or is_aligned(score) != is_aligned(mean):
                raise BenchmarkError(
                    f"Benchmark {name!r}, item {item!r}: the human_score {score:g} contradicts the votes {votes}, "
                    f"whose mean is {mean:.3g}. {_SAY_HOW.format(column='human_score')}"
                )
    if scale is not None:
        _check_ratings(values, name, how_made, scale)
    labels = values.get("label")
    if labels is None or "label" in how_made or scale is not None:
        return
    # On a scale of its own, any threshold will do, but one there must be.
    in_range = all(0 <= score <= 1 for score in scores)
    refused = [score for score, label in zip(scores, labels, strict=True) if not label]
    threshold = THRESHOLD if in_range else max(refused, default=-math.inf)
    meaning = "above 0.5" if in_range else f"more than {threshold:g}, the highest score of an item that isn't aligned"
    for item, score, label in zip(values["item_id"], scores, labels, strict=True):
        if (score > threshold) != label:
            raise BenchmarkError(
                f"Benchmark {name!r}, item {item!r}: the label {str(label).lower()} contradicts the human_score "
                f"{score:g}; aligned means {meaning}. "
                f"{_SAY_HOW.format(column='label')}"
            )


def _check_ratings(
    values: Mapping[str, Sequence[Any]], name: str, how_made: Mapping[str, str], scale: RatingScale
) -> None:
    items, scores = values["item_id"], values["human_score"]
    if outside := next((item for item, score in zip(items, scores, strict=True) if not 0 <= score <= 1), None):
        raise BenchmarkError(
            f"Benchmark {name!r}: the human_score of {outside!r} is outside 0 to 1; of ratings it is the mean, scaled "
            f"so that {scale.low:g} is 0 and {scale.high:g} is 1."
        )
    if "ratings" in values and "human_score" not in how_made:
        means = mean_ratings(values["ratings"], scale)
        for item, score, mean in zip(items, scores, means, strict=True):
            if abs(score - mean) > ROUNDING:
                raise BenchmarkError(
                    f"Benchmark {name!r}, item {item!r}: the human_score {score:g} contradicts the ratings, whose mean "
                    f"is {mean:.3g} on the scale from 0 to 1. {_SAY_HOW.format(column='human_score')}"
                )
    if "label" in values and "label" not in how_made:
        ratings = rating_matrix(values["ratings"], scale) if "ratings" in values else None
        rule = scale.aligned(scores, ratings).tolist()
        for item, score, label, expected in zip(items, scores, values["label"], rule, strict=True):
            if label != expected:
                raise BenchmarkError(
                    f"Benchmark {name!r}, item {item!r}: the label {str(label).lower()} contradicts the human_score "
                    f"{score:g}; aligned means: {scale.rule}. {_SAY_HOW.format(column='label')}"
                )


def check_kinds(features: datasets.Features, name: str) -> None:
    """Refuse classes by number, of which 1 may stand for anything.

    Args:
        features: The dataset's features.
        name: The benchmark's name, for the error.

    Raises:
        BenchmarkError: votes, human_score or label is a ClassLabel.
    """
    from datasets import ClassLabel

    for column in ("votes", "human_score", "label"):
        kind = features.get(column)
        inner = getattr(kind, "feature", kind)
        if isinstance(inner, ClassLabel):
            raise BenchmarkError(
                f"Benchmark {name!r}: {column} is a ClassLabel of {', '.join(inner.names)}, whose numbers say nothing "
                "by themselves; cast the column to numbers or booleans."
            )


def _checked_votes(item: str, votes: Any, name: str) -> list[int] | None:
    try:
        return None if _is_missing(votes) else votes_of(votes)
    except BenchmarkError as error:
        raise BenchmarkError(f"Benchmark {name!r}, item {item!r}: {error} {_INSTEAD}") from None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
