"""What a benchmark holds, subset by subset."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tia2.benchmark.votes import UNSURE

if TYPE_CHECKING:
    import pandas as pd

    from tia2.benchmark.loading import Benchmark


class SubsetSummary(NamedTuple):
    """Counts of one subset.

    Attributes:
        subset: The subset's name.
        prompts: Prompts.
        constant_prompts: Prompts whose labels are all equal; ranking metrics leave them out.
        items: Items.
        votes: Votes of all items together.
        unsure_items: Items with an unsure vote.
        human_rate: Share of items that people call aligned, between 0 and 1.
        images: Items that have an image.
        ratings: Ratings of all items together, gaps not counted.
        pairs: Pairs of items that were compared.
        preferences: Votes on these pairs.
    """

    subset: str
    prompts: int
    constant_prompts: int
    items: int
    votes: int
    unsure_items: int
    human_rate: float
    images: int
    ratings: int = 0
    pairs: int = 0
    preferences: int = 0


def summarise(benchmark: Benchmark) -> list[SubsetSummary]:
    """Count a benchmark's prompts, items, votes and images, subset by subset.

    Args:
        benchmark: The benchmark.

    Returns:
        One summary per subset, in order of first appearance.
    """
    missing = set(benchmark.missing_images)
    summaries = []
    for subset, items in benchmark.items.groupby("subset", sort=False):
        votes = [list(item) for item in items["votes"] if item is not None] if "votes" in items else []
        summaries.append(
            SubsetSummary(
                subset=str(subset),
                prompts=items["prompt_id"].nunique(),
                constant_prompts=int((items.groupby("prompt_id")["label"].nunique() == 1).sum()),
                items=len(items),
                votes=sum(map(len, votes)),
                unsure_items=sum(UNSURE in item for item in votes),
                human_rate=float(items["label"].mean()),
                images=sum(item not in missing for item in items["item_id"]),
                ratings=sum(rating is not None for item in items["ratings"] for rating in item)
                if "ratings" in items
                else 0,
                pairs=_pairs(items),
                preferences=sum(map(len, items["preferences"])) if "preferences" in items else 0,
            )
        )
    return summaries


def _pairs(items: pd.DataFrame) -> int:
    """Return the number of pairs that the items list, each counted once."""
    if "compared_with" not in items:
        return 0
    listed = zip(items["item_id"], items["compared_with"], strict=True)
    return len({frozenset((item, other)) for item, others in listed for other in others})
