"""Results of several entries as one tidy frame, for tables and figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tia2.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation.result import Result

OVERALL = "overall"
"""The name under which the mean of the subsets appears among them."""


def summarise(results: Iterable[Result]) -> pd.DataFrame:
    """Return one row for each subset, metric and entry, best first within subset and metric.

    Args:
        results: Results on one benchmark.

    Returns:
        A frame with the columns subset, metric, rank (1 is best; by the mean, so overlapping intervals don't share
        one), entry, mean, low, high, pooled, prompts, prompts_used, prompts_constant, items, items_scored, tied and
        distinct. Subset and metric are ordered categories. The rows with subset `overall` hold the mean of the subsets;
        a benchmark with a single subset has none.

    Raises:
        ResultError: If there are no results, or they are not on the same benchmark.

    Example:
        >>> frame = summarise([Result.load(path) for path in paths])  # doctest: +SKIP
        >>> frame.query("subset == 'overall' and metric == 'auroc'")  # doctest: +SKIP
    """
    import pandas as pd

    results = list(results)
    if not results:
        raise ResultError("There are no results to summarise.")
    first = results[0]
    for result in results[1:]:
        if (result.benchmark.fingerprint, result.benchmark.votes_fingerprint) != (
            first.benchmark.fingerprint,
            first.benchmark.votes_fingerprint,
        ):
            raise ResultError(
                f"Results on different benchmarks can't be ranked together: {first.entry.name} is on "
                f"{first.benchmark.name}, {result.entry.name} on {result.benchmark.name} with other items or votes."
            )
    rows = [
        {
            "subset": subset,
            "metric": metric,
            "entry": result.entry.name,
            **estimate.model_dump(),
            **part.model_dump(exclude={"metrics"}),
        }
        for result in results
        for subset, part in [*result.subsets.items(), *([(OVERALL, result.overall)] if len(result.subsets) > 1 else [])]
        for metric, estimate in part.metrics.items()
    ]
    frame: pd.DataFrame = pd.DataFrame(rows)
    for column in ("subset", "metric"):
        frame[column] = pd.Categorical(frame[column], categories=frame[column].unique(), ordered=True)
    best_first = frame.groupby(["subset", "metric"], observed=True)["mean"].rank(ascending=False, method="first")
    frame.insert(2, "rank", best_first.astype("Int64"))
    ranked: pd.DataFrame = frame.sort_values(["subset", "metric", "rank"], kind="stable", ignore_index=True)
    return ranked
