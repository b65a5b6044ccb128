"""The rows of a board: what an entry is, apart from its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tia2.calibration import CALIBRATIONS
from tia2.calibration.base import Calibration

from .records import BenchmarkRecord, Listing
from .summaries import Summary

if TYPE_CHECKING:
    from tia2.evaluation import Result


@dataclass(frozen=True)
class BoardEntry:
    """One row.

    Attributes:
        id: Fit for an address.
        name: Name in tables and figures.
        model: Name that the entries of one model share: a listing's id, or the reward models of a published result.
        chips: Kind of entry, in a word or two each.
        key: Name of its files in the index.
        coverage: Share of the benchmark's items that it has values for.
        upper_bound: Whether its settings were chosen on the labels that it is judged by.
        listing: The model behind it; None for a published result.
        calibration: Calibration of the model's rewards; None for a published result.
        source: Where a published result is from.
    """

    id: str
    name: str
    model: str
    chips: tuple[str, ...]
    key: str
    coverage: float
    upper_bound: bool
    listing: Listing | None = None
    calibration: Calibration | None = None
    source: str = ""

    @property
    def complete(self) -> bool:
        """Whether it has a value for every item."""
        return self.coverage == 1

    @property
    def ranked(self) -> bool:
        """Whether it has a rank: complete, and not an upper bound."""
        return self.complete and not self.upper_bound


def board_entry(
    benchmark: BenchmarkRecord, listing: Listing, calibration: Calibration, key: str, summary: Summary
) -> BoardEntry:
    """Return the row of a model with one of its calibrations.

    Args:
        benchmark: The benchmark's record.
        listing: The model.
        calibration: Calibration of its rewards.
        key: Name of its files in the index.
        summary: Its figures.
    """
    coverage = (summary.items - summary.skipped) / benchmark.items
    return BoardEntry(
        id=listing.entry_id(calibration),
        name=calibration.entry_name(listing.card.name),
        model=listing.id,
        chips=(*calibration.chips, *(["not complete"] if coverage < 1 else [])),
        key=key,
        coverage=coverage,
        upper_bound=summary.upper_bound,
        listing=listing,
        calibration=calibration,
    )


def published_entry(name: str, key: str, result: Result) -> BoardEntry:
    """Return the row of a published result.

    Args:
        name: Id of the result.
        key: Name of its files in the index.
        result: The result.
    """
    calibration = result.entry.calibration
    title = CALIBRATIONS[calibration].title if calibration in CALIBRATIONS else calibration
    bound = ["oracle"] if result.entry.upper_bound else []
    return BoardEntry(
        id=name,
        name=result.entry.name,
        model="published: " + " + ".join(reward.name for reward in result.entry.rewards),
        chips=(title, *bound, "as published"),
        key=key,
        coverage=1.0,
        upper_bound=result.entry.upper_bound,
        source=result.entry.rewards[0].spec if result.entry.rewards else "",
    )
