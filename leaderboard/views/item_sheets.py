"""The tables and captions of the Items tab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .formats import NO_VALUE, number, significant
from .item_view import Floats, Ints, Items, Rival, rank_texts, ranks
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


def items_sheet(items: Items, shown: Ints, chosen: Ranked, others: Sequence[Ranked]) -> Sheet:
    """Return the table of some of a prompt's items.

    Args:
        items: All items of the prompt.
        shown: Positions of those to show, in order.
        chosen: The entry whose values are shown.
        others: Entries of which the rank alone is shown.
    """
    values = chosen.known(items)
    return sheet(
        [
            _rank_column("Rank", values, shown),
            Column("Value", values[shown], significant),
            Column(items.judgements.capitalize(), [items.votes[position] or None for position in shown]),
            Column("Human score", items.human[shown], number(2)),
            Column("Label", ["aligned" if items.labels[position] else "not aligned" for position in shown]),
            Column("Item", [items.item_ids[position] for position in shown]),
            *(_rank_column(f"Rank by {other.name}", other.known(items), shown) for other in others),
        ]
    )


def _rank_column(header: str, values: Floats, shown: Ints) -> Column:
    item_ranks, texts = ranks(values), rank_texts(values)
    tied = {int(rank): text for rank, text in zip(item_ranks, texts, strict=True)}
    return Column(header, [int(item_ranks[position]) or None for position in shown], lambda rank: tied[rank])


def captions(items: Items, shown: Ints, chosen: Ranked) -> list[str]:
    """Return what stands below each picture: rank and value, votes, human score."""
    values = chosen.known(items)
    texts = rank_texts(values)
    lines = []
    for position in shown:
        rank = [] if texts[position] == NO_VALUE else [f"#{texts[position]}", significant(values[position])]
        votes = [f"{items.judgements} {items.votes[position]}"] if items.votes[position] else []
        parts = [*rank, *votes, f"people {items.human[position]:.2f}"]
        lines.append(" · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts))
    return lines


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
