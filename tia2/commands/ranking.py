"""The tables that `tia2 evaluate` and `tia2 quickstart` print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tia2 import console

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from tia2.evaluation import Result

NO_VALUE = "—"
LEGEND = (
    "#: the ranks that an entry has in 95 % of the resamples. Entries that share a letter are not separable at 5 %. "
    "In italics: upper bounds, whose settings saw the labels, and people themselves."
)
"""What a reader of a table with rank intervals must know."""
ALPHA_OF = ("votes' alpha", "ratings' alpha", "pairs' alpha")
"""Headers of Krippendorff's alpha: of votes, of ratings, of votes on pairs."""


def ranking(summary: pd.DataFrame, metric: str, groups: pd.DataFrame | None = None) -> Table:
    """Return a table with a section for each subset: entries, best first, then upper bounds, then people.

    Args:
        summary: Frame that `tia2.evaluation.summarise` returned.
        metric: Metric to show.
        groups: Frame that `tia2.evaluation.separate` returned for the same metric: ranks become intervals, and letters
            say which entries are not separable.

    Returns:
        The table, at most 80 columns wide. How many values are tied is a column where some are.
    """
    from tia2.evaluation.metrics.pair_metrics import metric_named
    from tia2.evaluation.summary import ENTRY

    chosen = summary[summary["metric"] == metric]
    if chosen["mean"].isna().all() and chosen["pooled"].notna().any():
        return _pooled_ranking(chosen, metric_named(metric).title)
    ties = bool((chosen["tied"].fillna(0) > 0).any())
    numbers = (metric_named(metric).title, "95 % interval", "pooled", *(["tied"] if ties else []))
    letters = [] if groups is None else ["group"]
    table = console.table("subset", "#", "entry", *numbers, *letters, right=("#", *numbers))
    of_entry: dict[Any, Any] = {}
    if groups is not None:
        of_entry = {(row["subset"], row["rank"]): row for row in groups.to_dict("records")}
    shown = None
    for row in chosen.to_dict("records"):
        subset, is_entry = row["subset"], row["kind"] == ENTRY
        if shown not in (None, subset):
            table.add_section()
        separated = of_entry.get((subset, row["rank"])) if is_entry else None
        unranked = is_entry and math.isnan(row["mean"])
        rank = NO_VALUE if unranked else str(row["rank"]) if is_entry and separated is None else ""
        table.add_row(
            console.plain(subset if subset != shown else ""),
            rank if separated is None else _span(separated["rank_low"], separated["rank_high"]),
            console.plain(row["entry"], "" if is_entry else "italic"),
            _number(row["mean"]),
            NO_VALUE if math.isnan(row["low"]) else f"{row['low']:.3f}–{row['high']:.3f}",
            _number(row["pooled"]),
            *([_count(row["tied"])] if ties else []),
            *([console.plain(separated["group"] if separated else "")] if letters else []),
        )
        shown = subset
    return table


def _pooled_ranking(chosen: pd.DataFrame, title: str) -> Table:
    """Return the table where nothing can be ranked within prompts, as with one image per prompt: pooled figures."""
    numbers = (f"pooled {title}", "95 % interval", "items")
    table = console.table("subset", "entry", *numbers, right=numbers)
    shown = None
    for row in chosen.sort_values(["subset", "pooled"], ascending=[True, False], kind="stable").to_dict("records"):
        if shown not in (None, row["subset"]):
            table.add_section()
        table.add_row(
            console.plain(row["subset"] if row["subset"] != shown else ""),
            console.plain(row["entry"]),
            _number(row["pooled"]),
            NO_VALUE if math.isnan(row["pooled_low"]) else f"{row['pooled_low']:.3f}–{row['pooled_high']:.3f}",
            f"{row['items_scored']:,}",
        )
        shown = row["subset"]
    return table


def coverage(summary: pd.DataFrame, results: Sequence[Result] = (), metric: str | None = None) -> Table:
    """Return a table of what stands behind the figures: prompts, prompts used, items, items with a value, agreement.

    Prompts used are those that the metric's mean is over.

    Args:
        summary: Frame that `tia2.evaluation.summarise` returned.
        results: Results that it was made of, for Krippendorff's alpha of the votes or ratings.
        metric: Metric whose prompts are counted; None for the fewest of all metrics.

    Returns:
        A row for each subset; where entries differ, the smallest of their counts.
    """
    from tia2.evaluation.metrics.pair_metrics import ACCURACY
    from tia2.evaluation.summary import PEOPLE

    people = next((result.people for result in results if result.people is not None), None)
    rated = any(result.benchmark.scale is not None for result in results)
    kind = 2 if any(ACCURACY in result.overall.metrics for result in results) else int(rated)
    numbers = ("prompts", "with contrast", "items", "scored", *([ALPHA_OF[kind]] if people else []))
    table = console.table("subset", *numbers, right=numbers)
    columns = ["prompts", "prompts_used", "items", "items_scored"]
    chosen = summary if metric is None else summary[(summary["metric"] == metric) & (summary["kind"] != PEOPLE)]
    for subset, counts in chosen.groupby("subset", observed=True)[columns].min().iterrows():
        alpha = [_number(people[str(subset)].agreement.alpha)] if people else []
        table.add_row(console.plain(subset), *(f"{count:,}" for count in counts), *alpha)
    return table


def _number(value: float) -> str:
    return NO_VALUE if math.isnan(value) else f"{value:.3f}"


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else NO_VALUE


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"
