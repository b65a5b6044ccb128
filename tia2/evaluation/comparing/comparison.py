"""Is A better than B? Paired comparisons of results on one benchmark."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from tia2.benchmark.fingerprints import difference
from tia2.errors import ResultError
from tia2.evaluation.comparing.separation import check_prompts, separation
from tia2.evaluation.comparing.simultaneous import Stratum, differences, holm
from tia2.evaluation.comparing.verdict import PairedDifference, p_text, signed, verdict
from tia2.evaluation.metrics.pair_metrics import ACCURACY, PAIR_METRICS, is_metric, metric_among, metric_named
from tia2.evaluation.result import on_other_images
from tia2.evaluation.summary import OVERALL

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation.result import Result


_MOST_SUBSETS = 20
"""Rows that a comparison's repr shows."""


class Difference(BaseModel):
    """A minus B on one subset, or on all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subset: str
    prompts: int
    """Prompts over which the means are taken: those that the metric uses in both results."""
    a: float
    b: float
    difference: float
    low: float
    """Lower end of the 95 % interval of the paired difference."""
    high: float
    probability: float
    """Share of the resamples in which A is better, ties counted half."""
    p: float
    """Two-sided p-value of this difference alone."""
    adjusted: float
    """The same, corrected by Holm for the number of subsets; of `overall`, which is asked about first, uncorrected."""
    wins: int
    """Prompts on which A is better."""
    losses: int


class Comparison(BaseModel):
    """Paired differences of two results, as `compare` returns them.

    Example:
        >>> tia2.compare(result_a, result_b).verdict  # doctest: +SKIP
        'mini-strong agrees with people better than mini-web: AUROC 0.816 against 0.734, …'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    a: str
    b: str
    metric: str
    resamples: int
    seed: int
    differences: list[Difference]
    """One per subset and, where there are several, one for `overall`."""
    prompts: list[dict[str, str | float]]
    """subset, prompt_id, prompt, a, b and difference of every prompt used, largest disagreement first."""

    def __repr__(self) -> str:
        width = max(len(row.subset) for row in self.differences)
        rows = [
            f"  {row.subset:{width}}  {row.prompts:>5,} prompts  {signed(row.difference)} ({signed(row.low)} to "
            f"{signed(row.high)})  corrected p = {p_text(row.adjusted)}"
            for row in self.differences[-_MOST_SUBSETS:]
        ]
        return "\n".join([f"Comparison({self.a!r} - {self.b!r}, {self.metric})", *rows])

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(
            f"<th>{name}</th>" for name in ("", "prompts", "A", "B", "A - B", "95 % interval", "corrected p")
        )
        rows = "".join(
            f"<tr><th>{escape(row.subset)}</th><td>{row.prompts:,}</td><td>{row.a:.3f}</td><td>{row.b:.3f}</td>"
            f"<td>{signed(row.difference)}</td><td>{signed(row.low)} to {signed(row.high)}</td>"
            f"<td>{p_text(row.adjusted)}</td></tr>"
            for row in self.differences
        )
        title = escape(f"A = {self.a}, B = {self.b}, by {self.metric}")
        return f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    @property
    def main(self) -> Difference:
        """The overall difference, or the only subset's."""
        return self.differences[-1]

    def paired(self, row: Difference, corrected_p: float | None = None) -> PairedDifference:
        """Return one of the differences with the names that a sentence about it needs.

        Args:
            row: The difference.
            corrected_p: A p-value that allows for other models, to be used instead of the row's own; None for that.
        """
        return PairedDifference(
            names=(self.a, self.b),
            means=(row.a, row.b),
            difference=row.difference,
            low=row.low,
            high=row.high,
            p=row.p if corrected_p is None else corrected_p,
            prompts=row.prompts,
            wins=row.wins,
            losses=row.losses,
            corrected=corrected_p is not None,
        )

    @property
    def verdict(self) -> str:
        """The answer in one sentence, the better entry first; two where interval and p-value disagree."""
        # A comparison may be older or newer than the metrics that are installed here.
        return verdict(
            self.paired(self.main), metric_named(self.metric).title if is_metric(self.metric) else self.metric
        )


def compare(a: Result, b: Result, metric: str = "auroc") -> Comparison:
    """Compare two results on one benchmark, prompt by prompt.

    Args:
        a: A result.
        b: Another one, on the same items and votes.
        metric: Name of the metric to compare by.

    Returns:
        The differences A - B with 95 % intervals, p-values, and the prompts where they disagree most.

    Raises:
        UnknownNameError: No such metric.
        ResultError: They are not on the same benchmark or resampled differently, or no prompt can be used.

    Example:
        >>> result_a, result_b = (tia2.evaluate(table) for table in tables)  # doctest: +SKIP
        >>> print(tia2.compare(result_a, result_b).verdict)  # doctest: +SKIP
    """
    strata, used = _figures([a, b], metric)
    _warn_of_repeated([a, b])
    groups = [[part] for part in strata] + ([strata] if len(strata) > 1 else [])
    compared = [differences(group, a.resamples, a.seed) for group in groups]
    p = np.array([float(pair.p[0]) for pair in compared])
    corrected = np.concatenate([holm(p[: len(strata)]), p[len(strata) :]])
    rows = []
    for group, pair, p_alone, adjusted in zip(groups, compared, p, corrected, strict=True):
        means = np.mean([part.figures.mean(axis=1) for part in group], axis=0)
        gaps = np.concatenate([part.figures[0] - part.figures[1] for part in group])
        rows.append(
            Difference(
                subset=group[0].subset if len(group) == 1 else OVERALL,
                prompts=len(gaps),
                a=float(means[0]),
                b=float(means[1]),
                difference=float(pair.difference[0]),
                low=float(pair.low[0]),
                high=float(pair.high[0]),
                probability=float(pair.probability[0]),
                p=float(p_alone),
                adjusted=float(adjusted),
                wins=int((gaps > 0).sum()),
                losses=int((gaps < 0).sum()),
            )
        )
    both = np.concatenate([part.figures for part in strata], axis=1)
    prompts = used.assign(a=both[0], b=both[1], difference=both[0] - both[1])
    order = prompts["difference"].abs().sort_values(ascending=False, kind="stable").index
    return Comparison(
        a=a.entry.name,
        b=b.entry.name,
        metric=metric_among(metric, a.overall.metrics),
        resamples=a.resamples,
        seed=a.seed,
        differences=rows,
        prompts=prompts.loc[order].to_dict("records"),
    )


def separate(results: Sequence[Result], metric: str = "auroc") -> pd.DataFrame:
    """Say which entries can be told apart, corrected for the number of comparisons.

    Up to 40 entries (`EXACT` in `tia2.evaluation.comparing.separation`), pairs are compared by the step-down max-T
    procedure on the resamples, and two entries share a letter exactly when they are not separable. With more, they are
    compared by paired t-tests with Holm's correction, and letters stand for runs of consecutive entries: two entries
    that share one are never separable, but two that share none need not be separable either.

    Args:
        results: Two or more results on one benchmark.
        metric: Name of the metric to rank by.

    Returns:
        One row for each subset and entry, best first: subset, entry, mean, rank, rank_low and rank_high (95 % of the
        resamples), group (entries that share a letter are not separable at 5 % over all comparisons of the subset).

    Raises:
        UnknownNameError: No such metric.
        ResultError: Fewer than two results, or not on the same benchmark.

    Example:
        >>> separate([result_a, result_b, result_c]).query("subset == 'overall'")  # doctest: +SKIP
    """
    import pandas as pd

    strata, _ = _figures(results, metric)
    _warn_of_repeated(results)
    rows = []
    for group in [[part] for part in strata] + ([strata] if len(strata) > 1 else []):
        standing = separation(group, results[0].resamples, results[0].seed)
        rows += [
            {
                "subset": group[0].subset if len(group) == 1 else OVERALL,
                "entry": results[entry].entry.name,
                "mean": float(standing.mean[entry]),
                "rank": int(standing.rank[entry]),
                "rank_low": int(standing.rank_low[entry]),
                "rank_high": int(standing.rank_high[entry]),
                "group": standing.group[entry],
            }
            for entry in np.argsort(standing.rank)
        ]
    frame: pd.DataFrame = pd.DataFrame(rows)
    return frame


def _figures(results: Sequence[Result], metric: str) -> tuple[list[Stratum], pd.DataFrame]:
    """Return every subset's figures of all entries on the prompts used, and these prompts."""
    metric_named(metric)  # says which there are
    if len(results) < 2:
        raise ResultError(f"A comparison needs at least two results, got {len(results)}.")
    first = results[0]
    metric = metric_among(metric, first.overall.metrics)
    contrast = metric_named(metric).contrast
    _check_kind(first, metric)
    frame = first.per_prompt
    mixed = ((frame["aligned"] > 0) & (frame["aligned"] < 1)).to_numpy(np.bool_)
    columns = []
    for result in results:
        _check_same(first, result)
        figures_of = result.per_prompt
        is_there = metric in figures_of.columns
        column = figures_of[metric].to_numpy(np.float64) if is_there else np.full(len(mixed), np.nan)
        if not is_there or (contrast != "pairs" and np.isnan(column[mixed]).any()):
            raise ResultError(
                f"{result.entry.name}'s result has no {metric}: it was made by tia2 {result.tia2_version} with other "
                "metrics; evaluate its score table again."
            )
        columns.append(column)
    # A rank correlation may be known on prompts without contrast, too, but not in results that left these out.
    by_label = contrast == "labels"
    used = mixed if by_label else np.isfinite(np.stack(columns)).all(axis=0)
    chosen = frame.loc[used, ["subset", "prompt_id", "prompt"]].reset_index(drop=True)
    if not len(chosen):
        if contrast == "pairs":
            raise ResultError(
                "No prompt has a pair on which people prefer one item, so there is nothing to compare by."
            )
        raise ResultError(
            f"No prompt has {'labels' if by_label else 'human scores'} that differ, so there is nothing to compare by "
            "within prompts. Pooled figures can be compared: tia2 compare --pooled (compare_pooled)."
        )
    figures = np.stack(columns)[:, used]
    subsets = chosen["subset"].unique()
    strata = [Stratum(str(subset), figures[:, (chosen["subset"] == subset).to_numpy()]) for subset in subsets]
    check_prompts(strata)
    return strata, chosen


def _check_kind(result: Result, metric: str) -> None:
    """Refuse a metric of items on a benchmark of pairs, and one of pairs on any other."""
    has_pairs, of_pairs = ACCURACY in result.overall.metrics, metric in PAIR_METRICS
    if has_pairs != of_pairs:
        kinds = ("pairs", "items") if has_pairs else ("items", "pairs")
        raise ResultError(
            f"{result.benchmark.name} is a benchmark of {kinds[0]}, and {metric} is a metric of {kinds[1]}; it has "
            f"{', '.join(result.overall.metrics)}."
        )


def _warn_of_repeated(results: Sequence[Result]) -> None:
    """Warn of an entry that is there twice: ranked against itself, it looks like two that can't be told apart."""
    kinds: dict[str, list[Result]] = {}
    for result in results:
        fingerprints = sorted(reward.fingerprint for reward in result.entry.rewards)
        kinds.setdefault(repr((fingerprints, result.entry.calibration, result.entry.settings)), []).append(result)
    for alike in kinds.values():
        first, *others = alike
        for other in others:
            same = [prompt.metrics for prompt in other.prompts] == [prompt.metrics for prompt in first.prompts]
            if same and first.entry.rewards:
                warnings.warn(
                    f"{first.entry.name} and {other.entry.name} are one entry, given twice: the same reward model with "
                    "the same figure on every prompt. It is compared with itself.",
                    stacklevel=3,
                )


def _check_same(first: Result, other: Result) -> None:
    names = f"{first.entry.name} and {other.entry.name}"
    if differs := difference(first.benchmark, other.benchmark):
        raise ResultError(
            f"{names} are not on the same benchmark: {first.benchmark.name} and {other.benchmark.name} differ in "
            f"{differs}."
        )
    if on_other_images(first.benchmark, other.benchmark):
        raise ResultError(f"{names} were scored on different images of {first.benchmark.name}.")
    if (first.seed, first.resamples) != (other.seed, other.resamples):
        raise ResultError(
            f"{names} have other resamples (seed {first.seed} and {other.seed}, {first.resamples} and "
            f"{other.resamples}): evaluate both with the same."
        )
    first_prompts, other_prompts = first.per_prompt, other.per_prompt
    if len(first_prompts) != len(other_prompts) or any(
        (first_prompts[key] != other_prompts[key]).any() for key in ("subset", "prompt_id", "aligned")
    ):
        complete = not first.benchmark.items_skipped and not other.benchmark.items_skipped
        if (
            complete
            and len(first_prompts) == len(other_prompts)
            and first_prompts["items"].equals(other_prompts["items"])
        ):
            raise ResultError(f"{names} are not on the same benchmark: their labels differ.")
        raise ResultError(
            f"{names} have values for different items, because images could not be read for one of them: score both on "
            "the same images."
        )
