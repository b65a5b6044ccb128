"""One prompt of a benchmark: its items as an entry orders them, and what its contrastive prompts get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.errors import unknown_name

from ..data.board import Board, BoardEntry

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

PAGE = 20
"""Items on a page."""
FURTHER = 5
"""How many other entries' ranks stand beside those of the chosen one."""
ORDERS = MappingProxyType(
    {
        "highest": "highest value first",
        "lowest": "lowest value first",
        "disagreement": "most at odds with people first",
    }
)
UNSURE = -1
VALUES = 32
"""Entries whose values stay in memory."""


@dataclass(frozen=True)
class Items:
    """A prompt's items, in the order of the benchmark.

    Attributes:
        prompt_id: The prompt's id.
        prompt: Its text.
        positions: Positions in the benchmark, shape (items,), as are the next five.
        item_ids: Their ids.
        votes: Votes or ratings as people gave them, such as "1 1 ?" or "4 – 3", or "2 of 3" votes on its pairs; empty
            for a human score alone.
        human: Human scores.
        labels: Whether an item is aligned.
        texts: The prompt, then its contrastive prompts.
        judgements: Kind of the judgements: "votes", "ratings" or "preferred".
    """

    prompt_id: str
    prompt: str
    positions: Ints
    item_ids: list[str]
    votes: list[str]
    human: Floats
    labels: NDArray[np.bool_]
    texts: list[str]
    judgements: str = "votes"

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Rival:
    """A contrastive prompt, judged by one reward model on all items of the prompt.

    Attributes:
        text: The contrastive prompt; the first of the list is the prompt itself.
        mean: Its mean reward; NaN where none is known.
        ahead: Number of items on which its reward is higher than the prompt's.
        level: Number of items on which it is the same.
        items: Number of items on which both are known.
    """

    text: str
    mean: float
    ahead: int
    level: int
    items: int


def items_of(board: Board, prompt_id: str) -> Items:
    """Return a prompt's items.

    Raises:
        UnknownNameError: The benchmark has no such prompt.
    """
    frame = board.items
    positions = np.flatnonzero((frame["prompt_id"] == prompt_id).to_numpy(np.bool_))
    if not len(positions):
        raise unknown_name("prompt", prompt_id, board.prompts["prompt_id"].tolist()[:5])
    rows = frame.iloc[positions]
    return Items(
        prompt_id=prompt_id,
        prompt=str(rows["prompt"].iloc[0]),
        positions=positions,
        item_ids=rows["item_id"].tolist(),
        votes=_judgements(rows),
        human=rows["human_score"].to_numpy(np.float64),
        labels=rows["label"].to_numpy(np.bool_),
        texts=list(rows["texts"].iloc[0]),
        judgements="ratings" if "ratings" in rows else "preferred" if "preferences" in rows else "votes",
    )


def _judgements(rows: pd.DataFrame) -> list[str]:
    if "ratings" in rows:
        return [ratings_text(ratings) for ratings in rows["ratings"]]
    if "preferences" in rows:
        return preferred_texts(rows)
    return [votes_text(votes) for votes in rows["votes"]] if "votes" in rows else [""] * len(rows)


def preferred_texts(rows: pd.DataFrame) -> list[str]:
    """Return how many of the votes on its pairs each item got, such as "2.5 of 4"; a tie counts half.

    Args:
        rows: Items of a prompt, with the columns item_id, compared_with and preferences.
    """
    won = dict.fromkeys(rows["item_id"], 0.0)
    asked = dict.fromkeys(rows["item_id"], 0)
    for item, others, votes in zip(rows["item_id"], rows["compared_with"], rows["preferences"], strict=True):
        for other, vote in zip(others, votes, strict=True):
            for side, worth in ((item, vote), (other, 1 - vote)):
                won[side] += worth
                asked[side] += 1
    return [f"{won[item]:g} of {asked[item]}" for item in rows["item_id"]]


def ratings_text(ratings: Sequence[float | None] | None) -> str:
    """Return ratings as people read them, a dash for a gap.

    Example:
        >>> ratings_text([4.0, None, 3.5])
        '4 – 3.5'
    """
    given = [] if ratings is None else list(ratings)
    return " ".join("–" if rating is None or rating != rating else f"{rating:g}" for rating in given)


def votes_text(votes: Sequence[int] | None) -> str:
    """Return votes as people read them, a question mark for "unsure".

    Example:
        >>> votes_text([1, 0, -1])
        '1 0 ?'
    """
    return " ".join("?" if vote == UNSURE else str(vote) for vote in votes or ())


def values_of(board: Board, entry: BoardEntry, items: Items) -> Floats | None:
    """Return an entry's values of a prompt's items, NaN where there is none; None if no values are known."""
    values = board.remember("values", entry.key, lambda: board.index.values(entry.key), VALUES)
    return None if values is None else values[items.positions]


def ranks(values: Floats) -> Ints:
    """Return each item's rank, 1 for the highest value; equal values share the better one; 0 for NaN.

    Example:
        >>> ranks(np.array([0.2, 0.9, 0.9, np.nan])).tolist()
        [3, 1, 1, 0]
    """
    ordered = np.sort(values[~np.isnan(values)])
    above = len(ordered) - np.searchsorted(ordered, values, side="right")
    return np.where(np.isnan(values), 0, above + 1)


def rank_texts(values: Floats) -> list[str]:
    """Return ranks as text, with "=" where items share one.

    Example:
        >>> rank_texts(np.array([0.2, 0.9, 0.9, np.nan]))
        ['3', '1=', '1=', '—']
    """
    item_ranks = ranks(values)
    times = np.bincount(item_ranks)
    return ["—" if rank == 0 else f"{rank}=" if times[rank] > 1 else str(rank) for rank in item_ranks.tolist()]


def misplaced(values: Floats, labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which items stand on the wrong side: of k that are aligned, the k highest values should be theirs.

    An aligned item is misplaced where k or more others are higher, another one where its value is among the k highest
    whichever way ties are broken; one without a value never is.

    Args:
        values: An entry's values, shape (items,), NaN where there is none.
        labels: Whether an item is aligned, same shape.

    Example:
        >>> misplaced(np.array([0.9, 0.8, 0.1]), np.array([True, False, True])).tolist()
        [False, True, True]
    """
    scored = ~np.isnan(values)
    aligned = int((labels & scored).sum())
    best = ranks(values)
    worst = best + np.bincount(best)[best] - 1
    return np.asarray(scored & np.where(labels, best > aligned, worst <= aligned), np.bool_)


def prompts_by_odds(board: Board, entry: BoardEntry | None) -> list[tuple[int, float]]:
    """Return the prompts' positions and an entry's AUROC on each, the one most at odds with people first.

    Args:
        board: The board.
        entry: The entry; None for the benchmark's own order, without figures.

    Returns:
        All prompts; those without a figure, such as those whose labels are all equal, come last.
    """
    if entry is None:
        return [(position, float("nan")) for position in range(len(board.prompts))]
    figures = board.figures[board.positions[entry.id], :, board.metrics.index(board.usual_metric)]
    return [(int(position), float(figures[position])) for position in np.argsort(figures, kind="stable")]


def disagreement(human: Floats, values: Floats) -> Floats:
    """Return by how many places each item stands elsewhere than people put it: 0 where both agree, NaN without a value.

    Both ranks are among the items that have a value, and items that are equal share their average rank.
    """
    from scipy.stats import rankdata

    gaps = np.full(len(values), np.nan)
    scored = ~np.isnan(values)
    gaps[scored] = np.abs(rankdata(values[scored]) - rankdata(human[scored]))
    return gaps


def order(kind: str, human: Floats, values: Floats) -> Ints:
    """Return the items' positions in one of `ORDERS`; equal ones stay in place, those without a value come last.

    Args:
        kind: One of `ORDERS`.
        human: Human scores, shape (items,).
        values: An entry's values, same shape.

    Raises:
        UnknownNameError: No such order.
    """
    if kind not in ORDERS:
        raise unknown_name("order", kind, ORDERS)
    key = -disagreement(human, values) if kind == "disagreement" else -values if kind == "highest" else values
    return np.argsort(key, kind="stable")  # NaN is sorted last.


def page_of(count: int, page: int) -> tuple[int, int, slice]:
    """Return which page that is among how many, and its items' positions; a page that isn't there is the nearest.

    Example:
        >>> page_of(50, 9)
        (3, 3, slice(40, 60, None))
    """
    pages = max(1, -(-count // PAGE))
    number = min(max(page, 1), pages)
    return number, pages, slice((number - 1) * PAGE, number * PAGE)


def rivals(board: Board, digest: str, items: Items) -> list[Rival]:
    """Return the prompt and its contrastive prompts as one reward model judges them, in the benchmark's order.

    Args:
        board: The board.
        digest: Digest of the model's score table.
        items: The prompt's items.

    Raises:
        ScoreTableError: The table is missing or damaged.
    """
    rewards = board.index.rewards(board.benchmark, digest)[items.positions].astype(np.float64)
    judged = []
    for column, text in enumerate(items.texts):
        rewards_of_text, prompt = rewards[:, column], rewards[:, 0]
        both = ~np.isnan(rewards_of_text) & ~np.isnan(prompt)
        judged.append(
            Rival(
                text=text,
                mean=float(rewards_of_text[both].mean()) if both.any() else float("nan"),
                ahead=int((rewards_of_text[both] > prompt[both]).sum()),
                level=int((rewards_of_text[both] == prompt[both]).sum()) if column else 0,
                items=int(both.sum()),
            )
        )
    return judged
