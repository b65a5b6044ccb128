"""What the Items tab says of each image, and its table of contrastive prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .formats import NO_VALUE, significant
from .item_view import Floats, Ints, Items, Rival, misplaced, rank_texts
from .sheets import Column, Sheet, sheet


class Ranked(NamedTuple):
    """An entry's view of a prompt's items.

    Attributes:
        name: The entry's.
        values: Its values, shape (items,), NaN where there is none; None if no values are known.
    """

    name: str
    values: Floats | None

    def known(self, items: Items) -> Floats:
        """Return its values, NaN where there is none."""
        return np.full(len(items), np.nan) if self.values is None else self.values


class ItemCard(NamedTuple):
    """What stands below a picture.

    Attributes:
        item: The item's id.
        source: Address of the picture; empty without one.
        verdict: Sentence about an image on the wrong side of the order; empty for the others.
        lines: Rank and value, votes, human score.
        others: Names of further entries, and the rank that each gives it.
    """

    item: str
    source: str
    verdict: str
    lines: list[str]
    others: list[tuple[str, str]]


def item_cards(
    items: Items, shown: Ints, chosen: Ranked, others: Sequence[Ranked] = (), sources: Sequence[str] = ()
) -> list[ItemCard]:
    """Return what stands below the pictures of some of a prompt's items.

    Args:
        items: All items of the prompt.
        shown: Positions of those to show, in order.
        chosen: The entry that orders them.
        others: Entries of which the rank alone is shown.
        sources: Addresses of the pictures, one per item that is shown; none if empty.
    """
    values = chosen.known(items)
    texts, wrong = rank_texts(values), misplaced(values, items.labels)
    further = [(other.name, rank_texts(other.known(items))) for other in others]
    scored = int((~np.isnan(values)).sum())
    cards = []
    for number, position in enumerate(shown):
        rank = [] if texts[position] == NO_VALUE else [f"#{texts[position]}", f"value {significant(values[position])}"]
        votes = [f"{items.judgements} {items.votes[position]}"] if items.votes[position] else []
        people = [*votes, f"people {items.human[position]:.2f}"]
        said = "aligned" if items.labels[position] else "not aligned"
        verdict = f"people said {said}, ranked {texts[position].rstrip('=')} of {scored}" if wrong[position] else ""
        cards.append(
            ItemCard(
                item=items.item_ids[position],
                source=sources[number] if len(sources) else "",
                verdict=verdict,
                lines=[" · ".join(part) for part in (rank, people) if part],
                others=[(name, ranks_of[position]) for name, ranks_of in further],
            )
        )
    return cards


def rivals_sheet(items: Items, by_reward: Sequence[tuple[str, Sequence[Rival]]]) -> Sheet:
    """Return the table of the prompt and its contrastive prompts, those that out-score it most often first.

    Args:
        items: The prompt's items.
        by_reward: Each reward model's name, and its judgement of them; empty if no rewards are known.
    """
    ahead = [sum(rivals[column].ahead for _, rivals in by_reward) for column in range(len(items.texts))]
    order = [0, *sorted(range(1, len(items.texts)), key=lambda column: -ahead[column])]
    columns = [Column("Text", [items.texts[column] if column else f"{items.prompt} (the prompt)" for column in order])]
    for name, rivals in by_reward:
        mean, ahead_of, level = (f"{name}: {what}" for what in ("mean", "ahead", "equal"))
        if len(by_reward) == 1:
            mean, ahead_of, level = "Mean reward", "Out-scores it", "Equals it"
        most = max(rival.items for rival in rivals)
        columns += [
            Column(ahead_of, [rivals[column].ahead if column else None for column in order], _of(most)),
            Column(mean, [rivals[column].mean for column in order], significant),
        ]
        if any(rival.level for rival in rivals):
            columns.append(Column(level, [rivals[column].level if column else None for column in order]))
    return sheet(columns)


def _of(most: int) -> Callable[[int], str]:
    return lambda count: f"{count} of {most}"
