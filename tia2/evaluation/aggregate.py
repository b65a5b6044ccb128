"""From the figures of prompts to those of a subset, and of all subsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.bootstrap import expanded, interval, resample_counts
from tia2.evaluation.metrics import METRICS, all_metrics
from tia2.evaluation.metrics.pooled_auroc import pooled_auroc_resamples
from tia2.evaluation.panel import Prompts
from tia2.evaluation.result import Estimate, SubsetResult

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One subset, ready to be reported alone or averaged with others.

    Attributes:
        counts: The counts of a `SubsetResult`.
        figures: Of the used prompts, shape (prompts used, metrics).
        resampled: Their means over resamples, shape (resamples, metrics).
        pooled: Figures of all items of the subset at once, shape (metrics,).
        pooled_resampled: The pooled AUROC over resamples, shape (resamples,); None where items aren't known.
    """

    counts: dict[str, int]
    figures: Floats
    resampled: Floats
    pooled: Floats
    pooled_resampled: Floats | None = None


def subset_part(subset: str, prompts: Prompts, seed: int, resamples: int) -> Part:
    """Return one subset's prompts, counted, resampled and pooled."""
    rows = prompts.rows(subset)
    used = rows & prompts.used
    mask = prompts.mask[rows]
    tied, distinct = prompts.ties
    items = int(mask.sum())
    counts = {
        "prompts": int(rows.sum()),
        "prompts_used": int(used.sum()),
        "prompts_constant": int((distinct[used] == 1).sum()),
        "items": items,
        "items_scored": items,
        "tied": int(tied[rows].sum()),
        "distinct": int(distinct[rows].sum()),
    }
    figures = prompts.figures[used]
    drawn = resample_counts(max(len(figures), 1), resamples, seed, subset)[:, : len(figures)]
    labels, human_scores, values = (
        array[rows][mask][None, :] for array in (prompts.labels, prompts.human_scores, prompts.values)
    )
    pooled = np.concatenate(list(all_metrics(labels, human_scores, values).values()))
    if 0 < labels.sum() < items:
        pooled = np.nan_to_num(pooled)  # Values that are all equal, as within a prompt.
    resampled = pooled_auroc_resamples(prompts.labels[rows], prompts.values[rows], mask, resamples, seed, subset)
    return Part(counts, figures, drawn @ figures / max(len(figures), 1), pooled, resampled)


def combine(parts: list[Part]) -> SubsetResult:
    """Return the means of the subsets' figures and the sums of their counts; one subset's own when there is only one.

    Subsets without a used prompt are in no mean. Each subset is resampled on its own, so that every resample has as
    many prompts of it as there are.
    """
    counts = {name: sum(part.counts[name] for part in parts) for name in parts[0].counts}
    kept = [part for part in parts if len(part.figures)] or parts
    metrics = {}
    for column, name in enumerate(METRICS):
        strata = [part.figures[:, column] for part in kept]
        low, high = interval(np.mean([part.resampled[:, column] for part in kept], axis=0), strata)
        metrics[name] = Estimate(
            mean=float(np.mean([figures.mean() if len(figures) else np.nan for figures in strata])),
            low=low,
            high=high,
            pooled=float(np.mean([part.pooled[column] for part in kept])),
            **(_pooled_ends(kept) if name == "auroc" else {}),
        )
    return SubsetResult(**counts, metrics=metrics)


def _pooled_ends(parts: list[Part]) -> dict[str, float]:
    drawn = [part.pooled_resampled for part in parts if part.pooled_resampled is not None]
    if len(drawn) < len(parts):
        return {}
    known = np.isfinite(drawn).all(axis=0)
    if not known.any():
        return {}
    resampled = np.stack(drawn)[:, known]
    sizes = np.array([part.counts["prompts"] for part in parts])
    low, high = expanded(resampled.mean(axis=0), resampled.var(axis=1), sizes)
    return {"pooled_low": low, "pooled_high": high}
