"""What a public layout is: how it is recognised, and what becomes of its table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PAIR_COLUMNS = ("prompt", "item_a", "item_b", "preference")
"""The columns of a table of pairs that every layout of pairs becomes; image_a, image_b and prompt_id where known."""
_PAIR_MAPPING = MappingProxyType({"prompt": "prompt", "pair": ("item_a", "item_b"), "preferences": ("preference",)})


@dataclass(frozen=True)
class Layout:
    """How a public dataset lays out its judgements.

    Attributes:
        name: Name in options.
        title: Its content, and where it is from, in a few words.
        columns: Columns by which it is recognised: all of one of these sets.
        read: Function from its table to one with the columns that `mapping` names; raises BenchmarkError.
        mapping: Arguments of `tia2.benchmark.make` by name.
        note: Sentence for the card on what was made of it.
    """

    name: str
    title: str
    columns: tuple[frozenset[str], ...]
    read: Callable[[pd.DataFrame], pd.DataFrame]
    mapping: Mapping[str, Any] = field(default_factory=lambda: _PAIR_MAPPING)
    note: str = ""

    @property
    def of_pairs(self) -> bool:
        """Whether people compared two images."""
        return "pair" in self.mapping

    def fits(self, columns: Iterable[str]) -> bool:
        """Whether a table with these columns is in this layout.

        Args:
            columns: Names of its columns.
        """
        there = set(columns)
        return any(wanted <= there for wanted in self.columns)

    def arguments(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Return the arguments of `tia2.benchmark.make` for a table that `read` returned.

        Args:
            frame: The table.
        """
        arguments = dict(self.mapping)
        if self.of_pairs and {"image_a", "image_b"} <= set(frame.columns):
            arguments["pair_images"] = ("image_a", "image_b")
        if "prompt_id" in frame.columns:
            arguments.setdefault("prompt_id", "prompt_id")
        return arguments


def pairs_of_ranking(ranks: Sequence[float]) -> list[tuple[int, int, str]]:
    """Return every pair of a ranking with what it says: the numbers of two items, and "a", "b" or "tie".

    Args:
        ranks: Rank of each item, 1 for the best; equal ranks are a tie.

    Example:
        >>> pairs_of_ranking([2, 1, 1])
        [(0, 1, 'b'), (0, 2, 'b'), (1, 2, 'tie')]
    """
    return [
        (first, second, "a" if ranks[first] < ranks[second] else "b" if ranks[second] < ranks[first] else "tie")
        for first in range(len(ranks))
        for second in range(first + 1, len(ranks))
    ]
