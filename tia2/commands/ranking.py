"""The table that `tia2 evaluate` and `tia2 quickstart` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2 import console

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def ranking(summary: pd.DataFrame, metric: str, *, coverage: bool = False) -> Table:
    """Return a table with a section for each subset, entries ranked best first.

    Args:
        summary: What `tia2.evaluation.summarise` returned.
        metric: Which of its metrics to show.
        coverage: Add how many prompts entered the mean, which share of the items has a reward, and how many are tied.

    Returns:
        The table, at most 80 columns wide.
    """
    more = ("prompts", "scored", "tied") if coverage else ()
    numbers = ("mean", "95 % interval", "pooled", *more)
    table = console.table("subset", "#", "entry", *numbers, right=("#", *numbers))
    rows = summary[summary["metric"] == metric]
    shown = None
    for row in rows.itertuples():
        if shown not in (None, row.subset):
            table.add_section()
        counts = (f"{row.prompts_used}/{row.prompts}", f"{row.items_scored / row.items:.0%}", f"{row.tied}")
        table.add_row(
            console.plain(row.subset if row.subset != shown else ""),
            str(row.rank),
            console.plain(row.entry),
            f"{row.mean:.3f}",
            f"{row.low:.3f}–{row.high:.3f}",
            f"{row.pooled:.3f}",
            *(counts if coverage else ()),
        )
        shown = row.subset
    return table
