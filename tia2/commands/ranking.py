"""The tables that `tia2 evaluate` and `tia2 quickstart` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2 import console

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def ranking(summary: pd.DataFrame, metric: str) -> Table:
    """Return a table with a section for each subset, entries ranked best first.

    Args:
        summary: What `tia2.evaluation.summarise` returned.
        metric: Which of its metrics to show.

    Returns:
        The table, at most 80 columns wide.
    """
    from tia2.evaluation import METRICS

    numbers = (METRICS[metric].title, "95 % interval", "pooled", "tied")
    table = console.table("subset", "#", "entry", *numbers, right=("#", *numbers))
    shown = None
    for row in summary[summary["metric"] == metric].itertuples():
        if shown not in (None, row.subset):
            table.add_section()
        table.add_row(
            console.plain(row.subset if row.subset != shown else ""),
            str(row.rank),
            console.plain(row.entry),
            f"{row.mean:.3f}",
            f"{row.low:.3f}–{row.high:.3f}",
            f"{row.pooled:.3f}",
            f"{row.tied:,}",
        )
        shown = row.subset
    return table


def coverage(summary: pd.DataFrame) -> Table:
    """Return a table of what stands behind the figures: prompts, prompts used, items, and items with a value.

    Args:
        summary: What `tia2.evaluation.summarise` returned.

    Returns:
        A row for each subset; where entries differ, the smallest of their counts.
    """
    numbers = ("prompts", "with contrast", "items", "scored")
    table = console.table("subset", *numbers, right=numbers)
    columns = ["prompts", "prompts_used", "items", "items_scored"]
    for subset, counts in summary.groupby("subset", observed=True)[columns].min().iterrows():
        table.add_row(console.plain(subset), *(f"{count:,}" for count in counts))
    return table
