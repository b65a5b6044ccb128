"""Pairs of images that people don't agree on."""

from __future__ import annotations

from dataclasses import dataclass

from tia2.people.comparing.pair_votes import Contest


@dataclass(frozen=True)
class DisputedPair:
    """A pair on which votes are for both sides.

    Attributes:
        item: Name of the pair's item.
        prompt_id: Name of its prompt.
        wins: Votes for the first model.
        ties: Votes for neither.
        losses: Votes for the second model.
        disagreement: Mean squared difference of two votes on it, 0 (all alike) to 1 (two votes, for different sides).
    """

    item: str
    prompt_id: str
    wins: int
    ties: int
    losses: int
    disagreement: float


def disputed_pairs(contest: Contest) -> list[DisputedPair]:
    """Return the pairs with votes for both sides, those with most disagreement first, then those with most votes.

    Args:
        contest: Votes on pairs of two models.
    """
    by_item: dict[str, list[int]] = {}
    for row, item in enumerate(contest.items):
        by_item.setdefault(item, []).append(row)
    disputed = []
    for item, rows in by_item.items():
        wins, ties, losses = (int((contest.worths[rows] == worth).sum()) for worth in (1.0, 0.5, 0.0))
        if wins and losses:
            count = wins + ties + losses
            apart = wins * losses + ties * (wins + losses) / 4
            disagreement = apart / (count * (count - 1) / 2)
            disputed.append(DisputedPair(item, contest.prompt_ids[rows[0]], wins, ties, losses, disagreement))
    return sorted(disputed, key=lambda pair: (-pair.disagreement, -(pair.wins + pair.ties + pair.losses), pair.item))
