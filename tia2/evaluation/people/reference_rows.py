"""How well people agree with each other: the rows beside which a reward model's figures can be read.

Three of them, for each subset: Krippendorff's alpha of the votes, one annotator judged against the others, and the
noise ceiling. See `agreement`, `annotator` and `ceiling` for what each means.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.benchmark.judgements.ratings import RatingScale, rating_matrix
from tia2.errors import ResultError
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel
from tia2.evaluation.people.agreement import AlphaPart, alpha_part, combine_agreement, ordinal_part
from tia2.evaluation.people.annotator import annotator_part
from tia2.evaluation.people.ceiling import ceiling_part
from tia2.evaluation.people.estimates import SubsetFigures, combine_figures
from tia2.evaluation.people.people_on_pairs import people_on_pairs
from tia2.evaluation.people.rating_ceiling import rating_ceiling_part
from tia2.evaluation.result import Agreement, People
from tia2.evaluation.summary import OVERALL

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

ROUNDED = 0.0051
"""Distance from the votes' mean up to which a human score counts as that mean, written with two decimals."""


def people(
    items: pd.DataFrame, seed: int, resamples: int, scale: RatingScale | None = None
) -> dict[str, People] | None:
    """Return how well people agree with each other on every subset, and overall.

    Prompts are resampled as for an entry. The outcome is kept, since all entries on one benchmark share it.

    Args:
        items: The columns subset, prompt_id, prompt, human_score, label, and votes or ratings: for each item a list of
            1 (aligned), 0 (not) and -1 (unsure), or of numbers on the scale. Their order within an item doesn't matter.
            Or compared_with and preferences, as a benchmark of pairs has them.
        seed: Seed of the random numbers and of the resamples.
        resamples: Number of resamples of the prompts.
        scale: Scale of the ratings; None for votes.

    Returns:
        The figures by subset, in the order of the table, and `overall`, the means of the subsets', where there are
        several. None unless every item has at least two votes, or some item two ratings; items with a single rating
        are in no figure about people.

    Raises:
        ResultError: If a vote is none of 1, 0 and -1.

    Example:
        >>> import pandas as pd
        >>> columns = {"subset": "a", "prompt_id": ["a/0", "a/0"], "prompt": "a cat", "votes": [[1, 1], [0, 0]]}
        >>> items = pd.DataFrame({**columns, "human_score": [1.0, 0.0], "label": [True, False]})
        >>> people(items, 0, 10)["a"].agreement.alpha
        1.0
        >>> people(items.drop(columns="votes"), 0, 10) is None
        True
    """
    if len(items) and "preferences" in items.columns:
        return people_on_pairs(Panel.of(items, seed=seed, resamples=resamples))
    rated = "ratings" in items.columns
    if not len(items) or not (rated or "votes" in items.columns):
        return None
    if rated and scale is None:
        raise ResultError("Ratings without their scale say nothing; expected a RatingScale.")
    rating_scale = scale if rated else None
    worths = (
        _worths(items["votes"].tolist()) if rating_scale is None else _ratings(items["ratings"].tolist(), rating_scale)
    )
    if worths is None:
        return None
    _warn_unless_means(items, worths)
    if rated:
        several = np.isfinite(worths).sum(axis=1) > 1
        items, worths = items[several].reset_index(drop=True), worths[several]
    panel = Panel.of(items)
    arranged = np.where(panel.mask[:, :, None], worths[panel.positions], np.nan)
    subsets = tuple(panel.subsets)
    members = np.stack([panel.rows(subset) for subset in subsets])
    metrics = [(metric.name, metric.version) for _, metric in METRICS.items()]
    digest = hashlib.sha256(repr((subsets, arranged.shape, metrics, scale)).encode())
    for array in (arranged, members, panel.used):
        digest.update(np.ascontiguousarray(array).data)
    votes = _Votes(digest.hexdigest(), subsets, arranged, members, panel.used, rating_scale)
    return dict(_people(votes, seed, resamples))


def _warn_unless_means(items: pd.DataFrame, worths: Floats) -> None:
    apart = np.abs(np.nanmean(worths, axis=1) - items["human_score"].to_numpy(np.float64)) > ROUNDED
    if apart.any():
        first = int(apart.argmax())
        judged = "ratings" if "ratings" in items.columns else "votes"
        name = items["item_id"].iloc[first] if "item_id" in items.columns else f"item {first}"
        warnings.warn(
            f"The human scores aren't the means of the {judged} (the first is that of {name}). The rows about people "
            f"(noise ceiling, one annotator, alpha) come from the {judged}.",
            stacklevel=3,
        )


@dataclass(frozen=True)
class _Votes:
    """Votes or ratings by prompt; two are equal when their digests are."""

    digest: str
    subsets: tuple[str, ...] = field(compare=False)
    worths: Floats = field(compare=False)
    """Sorted, NaN where there is no vote, shape (prompts, items, votes)."""
    members: NDArray[np.bool_] = field(compare=False)
    """Which prompts are of which subset, shape (subsets, prompts)."""
    used: NDArray[np.bool_] = field(compare=False)
    """Prompts whose labels differ, shape (prompts,)."""
    scale: RatingScale | None = field(compare=False, default=None)
    """Scale of the ratings; None for votes."""


@lru_cache(maxsize=8)
def _people(votes: _Votes, seed: int, resamples: int) -> dict[str, People]:
    parts = {}
    for subset, rows in zip(votes.subsets, votes.members, strict=True):
        worths, used = (votes.worths, votes.used) if rows.all() else (votes.worths[rows], votes.used[rows])
        parts[subset] = _parts(subset, worths, used, seed, resamples, votes.scale)
    groups = {subset: [part] for subset, part in parts.items()}
    if len(parts) > 1:
        groups[OVERALL] = list(parts.values())
    return {
        name: People(
            agreement=combine_agreement([alpha for alpha, _, _, _ in group]),
            ordinal=_combined_ordinal([ordinal for _, _, _, ordinal in group]),
            annotator=combine_figures([annotator for _, _, annotator, _ in group]),
            ceiling=combine_figures([ceiling for _, ceiling, _, _ in group]),
        )
        for name, group in groups.items()
    }


def _parts(
    subset: str, worths: Floats, used: NDArray[np.bool_], seed: int, resamples: int, scale: RatingScale | None
) -> tuple[AlphaPart, SubsetFigures, SubsetFigures, AlphaPart | None]:
    """Return alpha, ceiling, one annotator and, of ratings, ordinal alpha of one subset."""
    alpha = alpha_part(subset, worths, seed, resamples)
    if scale is None:
        ceiling = ceiling_part(subset, worths, used, seed, resamples)
        return alpha, ceiling, annotator_part(subset, worths, used, seed, resamples), None
    ceiling = rating_ceiling_part(subset, worths, used, seed, resamples, scale)
    annotator = annotator_part(subset, worths, used, seed, resamples, scale=scale)
    return alpha, ceiling, annotator, ordinal_part(subset, worths, seed, resamples)


def _combined_ordinal(parts: Sequence[AlphaPart | None]) -> Agreement | None:
    rated = [part for part in parts if part is not None]
    return combine_agreement(rated) if rated else None


def _ratings(ratings: Sequence[Sequence[float | None] | None], scale: RatingScale) -> Floats | None:
    """Return ratings from 0 to 1, sorted, NaN for gaps, shape (items, ratings); None where no item has two."""
    matrix = rating_matrix(ratings, scale)
    if not (np.isfinite(matrix).sum(axis=1) > 1).any():
        return None
    matrix.sort(axis=1)
    return matrix


def _worths(votes: Sequence[Sequence[int] | None]) -> Floats | None:
    """Return the worths of votes, sorted, NaN where there is none, shape (items, votes); None where items lack two."""
    counts = np.array([len(item) if isinstance(item, (list, tuple, np.ndarray)) else 0 for item in votes])
    if counts.min() < 2:
        return None
    flat = np.array(list(chain.from_iterable(item for item in votes if item is not None)))
    valid = np.isin(flat, (1, 0, -1)) if flat.dtype.kind in "iuf" else np.zeros(len(flat), np.bool_)
    if not valid.all():
        unknown = flat[~valid][0]
        raise ResultError(f"Expected votes of 1 (aligned), 0 (not) or -1 (unsure), got {unknown}.")
    worths = np.full((len(counts), int(counts.max())), np.nan)
    worths[np.arange(worths.shape[1]) < counts[:, None]] = np.where(flat == -1, 0.5, flat)
    worths.sort(axis=1)
    return worths
