"""Results of several entries as one tidy frame, ranked within each subset."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation import Result

OVERALL = "overall"
"""The name under which the mean of the subsets appears among them."""


def summarise(results: Iterable[Result]) -> pd.DataFrame:
    """Return one row for each subset, metric and entry, best first within subset and metric.

    Args:
        results: Results on one benchmark.

    Returns:
        A frame with the columns subset, metric, rank (1 is best; by the mean, so overlapping intervals don't share
        one), entry, mean, low, high, pooled, prompts, prompts_used, items, items_scored and tied. The rows with
        subset `overall` hold the mean of the subsets; a benchmark with a single subset has none.
    """
    import pandas as pd

    rows = [
        {
            "subset": subset,
            "metric": metric,
            "entry": result.entry.name,
            "mean": estimate.mean,
            "low": estimate.low,
            "high": estimate.high,
            "pooled": estimate.pooled,
            "prompts": part.prompts,
            "prompts_used": part.prompts_used,
            "items": part.items,
            "items_scored": part.items_scored,
            "tied": part.tied,
        }
        for result in results
        for subset, part in [*result.subsets.items(), *([(OVERALL, result.overall)] if len(result.subsets) > 1 else [])]
        for metric, estimate in part.metrics.items()
    ]
    frame = pd.DataFrame(rows)
    for column in ("subset", "metric"):
        frame[column] = pd.Categorical(frame[column], categories=frame[column].unique(), ordered=True)
    groups = frame.groupby(["subset", "metric"], observed=True)["mean"]
    frame.insert(2, "rank", groups.rank(ascending=False, method="first").astype("Int64"))
    ordered: pd.DataFrame = frame.sort_values(["subset", "metric", "rank"], kind="stable", ignore_index=True)
    return ordered
