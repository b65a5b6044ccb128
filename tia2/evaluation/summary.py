"""Results of several entries as one tidy frame, for tables and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tia2.benchmark.fingerprints import difference
from tia2.errors import ResultError
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.metrics.pair_metrics import ACCURACY
from tia2.evaluation.result import Estimate, on_other_images

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation.result import Result, SubsetResult

OVERALL = "overall"
"""The name under which the mean of the subsets appears among them."""

ENTRY, UPPER_BOUND, PEOPLE = KINDS = ("entry", "upper bound", "people")
"""What a row can be: an entry, one whose settings saw the labels that it is judged by, or people themselves."""

_NO_ESTIMATE = Estimate(mean=math.nan, low=math.nan, high=math.nan, pooled=math.nan)

ANNOTATOR, CEILING = "one annotator", "noise ceiling"
"""The rows that say how well people's own votes agree with people."""


def summarise(results: Iterable[Result]) -> pd.DataFrame:
    """Return one row for each subset, metric and entry, best first within subset and metric.

    Args:
        results: Results on one benchmark.

    Returns:
        A frame with the columns subset, metric, rank (1 is best; by the mean, so overlapping intervals don't share
        one), entry, kind, mean, low, high, pooled, pooled_low, pooled_high, prompts, prompts_used (over which the row's
        mean is), prompts_constant, items, items_scored, tied and distinct. Subset and metric are ordered categories.
        The rows with subset `overall` hold the mean of the subsets; a benchmark with a single subset has none. Rows
        whose kind is "upper bound" (their settings were chosen on the labels) or "people" (one annotator, and the noise
        ceiling) have no rank, and come after the entries.

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
        if differs := difference(first.benchmark, result.benchmark):
            raise ResultError(
                f"Results on different benchmarks can't be ranked together: {first.entry.name} is on "
                f"{first.benchmark.name}, {result.entry.name} on {result.benchmark.name} with other {differs}."
            )
        if on_other_images(first.benchmark, result.benchmark):
            raise ResultError(
                f"Results on different images can't be ranked together: {first.entry.name} and {result.entry.name} "
                f"were scored on other images of {first.benchmark.name}."
            )
    # A result may be older than a metric: then it has a row without figures.
    of_items = () if ACCURACY in first.overall.metrics else METRICS
    metrics = list(dict.fromkeys([*of_items, *(name for result in results for name in result.overall.metrics)]))
    rows = [
        {
            "subset": subset,
            "metric": metric,
            "entry": result.entry.name,
            "kind": UPPER_BOUND if result.entry.upper_bound else ENTRY,
            **part.model_dump(exclude={"metrics"}),
            **_figures(part.metrics.get(metric, _NO_ESTIMATE), part.prompts_used),
        }
        for result in results
        for subset, part in _subsets(result).items()
        for metric in metrics
    ]
    frame: pd.DataFrame = pd.DataFrame(rows + _people(results))
    for column in ("subset", "metric"):
        frame[column] = pd.Categorical(frame[column], categories=frame[column].unique(), ordered=True)
    frame["kind"] = pd.Categorical(frame["kind"], categories=KINDS, ordered=True)
    for column in ("tied", "distinct"):
        frame[column] = frame[column].astype("Int64")
    ranked = frame["mean"].where(frame["kind"] == ENTRY)
    best_first = ranked.groupby([frame["subset"], frame["metric"]], observed=True).rank(ascending=False, method="first")
    frame.insert(2, "rank", best_first.astype("Int64"))
    order = ["subset", "metric", "kind", "rank", "mean"]
    ordered: pd.DataFrame = frame.sort_values(order, ascending=[True] * 4 + [False], kind="stable", ignore_index=True)
    return ordered


def _figures(estimate: Estimate, used: int) -> dict[str, Any]:
    """Return an estimate's columns, with how many prompts its mean is over; before 0.2 the subset's number."""
    columns = estimate.model_dump(exclude={"prompts"})
    return {**columns, "prompts_used": used if estimate.prompts is None else estimate.prompts}


def _subsets(result: Result) -> dict[str, SubsetResult]:
    return {**result.subsets, **({OVERALL: result.overall} if len(result.subsets) > 1 else {})}


def _people(results: list[Result]) -> list[dict[str, Any]]:
    """Return the rows of people, from the result that covers most items."""
    with_people = [result for result in results if result.people is not None]
    if not with_people:
        return []
    widest = max(with_people, key=lambda result: result.overall.items)
    counts = {subset: part.model_dump(exclude={"metrics"}) for subset, part in _subsets(widest).items()}
    unknown = {"prompts_constant": 0, "tied": None, "distinct": None}
    return [
        {
            "subset": subset,
            "metric": metric,
            "entry": name,
            "kind": PEOPLE,
            **counts[subset],
            **unknown,
            **_figures(estimate, counts[subset]["prompts_used"]),
        }
        for subset, people in (widest.people or {}).items()
        for name, metrics in ((ANNOTATOR, people.annotator), (CEILING, people.ceiling))
        for metric, estimate in metrics.items()
    ]
