"""Do the contrastive prompts describe how the generator fails, and does TextNorm gain where they do?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.entries import panel_of
from tia2.analysis.outcome import Analysis
from tia2.calibration import TextNorm
from tia2.errors import BenchmarkError, ResultError
from tia2.evaluation.bootstrap import RESAMPLES, resampled
from tia2.figures import FigureSpec, Scatter, ScatterPoint
from tia2.miniworld.grammar import Specification, parse
from tia2.miniworld.judge import SeenObject, see, weigh

if TYPE_CHECKING:
    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]

HALF = 0.5


def failures(tables: Sequence[ScoreTable], *, seed: int = 0, resamples: int = RESAMPLES) -> Analysis:
    """Compare TextNorm's gain with how many of the generator's failures its contrastive prompts describe.

    An image that the judge doesn't accept for its prompt is a failure. It is described when the judge accepts it for
    one of the contrastive prompts: only then can TextNorm see what the image shows instead.

    Args:
        tables: Score tables of the benchmark `mini`, with the contrastive prompts that were scored.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        One point per prompt: the share of its failures that are described, and what TextNorm, at the documented
        temperature, adds to AUROC.

    Raises:
        ResultError: The tables are of another benchmark, or of images that aren't the shipped ones.

    Example:
        >>> failures([tia2.ScoreTable.load("runs/mini-strong")]).findings[0]  # doctest: +SKIP
        'Of 891 images that do not show their prompt, 532 show one of its contrastive prompts.'
    """
    import pandas as pd
    from scipy.stats import spearmanr

    if not tables:
        raise ResultError("Expected at least one score table, got none.")
    items = tables[0].items
    panel = panel_of(items, seed=seed, resamples=resamples)
    failed, described = _look(tables[0])
    frame = panel.prompts[["subset", "prompt_id", "prompt"]].copy()
    grouped = items.assign(failed=failed, described=described).groupby("prompt_id")[["failed", "described"]].sum()
    frame = frame.join(grouped, on="prompt_id")
    frame["share"] = frame["described"] / frame["failed"].where(frame["failed"] > 0)
    used = frame["share"].notna().to_numpy() & panel.used
    findings = [
        f"Of {int(failed.sum()):,} images that do not show their prompt, {int(described.sum()):,} show one of its "
        "contrastive prompts."
    ]
    panels = []
    for table in tables:
        calibrated = TextNorm().apply([table])
        gain = panel.figure(calibrated.values, "auroc") - panel.figure(table.raw, "auroc")
        frame[f"{table.name}_gain"] = gain
        share, of_used = frame["share"].to_numpy()[used], gain[used]
        many = share >= HALF
        low, high = _difference(of_used, many, resamples, seed)
        findings.append(
            f"{table.name}: TextNorm adds {of_used[many].mean():+.3f} AUROC on the {many.sum()} prompts with half of "
            f"their failures described or more, {of_used[~many].mean():+.3f} on the other {(~many).sum()}; difference "
            f"{of_used[many].mean() - of_used[~many].mean():+.3f} ({low:+.3f} to {high:+.3f}), rank correlation "
            f"{spearmanr(share, of_used).statistic:+.2f}."
        )
        rows = frame[used].to_dict("records")
        points = [ScatterPoint(row["share"], row[f"{table.name}_gain"], row["subset"], row["prompt"]) for row in rows]
        panels.append(Scatter(table.name, "share of failures described", "AUROC, TextNorm - raw", points,
                             levels={"raw": 0.0}))  # fmt: skip
    return Analysis(
        name="failures",
        findings=findings,
        figure=FigureSpec(
            "TextNorm's gain, by how many of the generator's failures the contrastive prompts describe",
            panels,
            "One point per prompt of mini. A failure is an image that the exact judge doesn't accept for its prompt; "
            "it is described when the judge accepts it for a contrastive prompt.",
        ),
        table=pd.DataFrame(frame),
    )


def _look(table: ScoreTable) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return, for every item, whether its image fails its prompt, and whether a contrastive prompt describes it."""
    from tia2.benchmark import load

    images = load("mini")
    if not images.items["item_id"].equals(table.items["item_id"]):
        raise ResultError(f"{table.name} was not scored on mini, whose images the judge can look at.")
    failed = np.zeros(len(images), np.bool_)
    described = np.zeros(len(images), np.bool_)
    parsed = {text: _parse(text) for text in set(chain.from_iterable(table.items["texts"]))}
    for position, (prompt, *others) in enumerate(table.items["texts"]):
        seen = see(np.asarray(images.images([position])[0]))
        failed[position] = not _accepted(parsed[prompt], seen)
        described[position] = failed[position] and any(_accepted(parsed[text], seen) for text in others)
    return failed, described


def _accepted(spec: Specification | None, seen: tuple[tuple[SeenObject, ...], int]) -> bool:
    return spec is not None and weigh(spec, *seen).accepted


def _parse(text: str) -> Specification | None:
    """Return what a text asks for; None for what the miniature world doesn't know, which no image shows."""
    try:
        return parse(text)
    except BenchmarkError:
        return None


def _difference(gain: Floats, many: NDArray[np.bool_], resamples: int, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile interval of the difference of means between two groups of prompts."""
    means = [
        resampled(part[:, None], resamples, seed, name).means[:, 0]
        for name, part in (("many", gain[many]), ("few", gain[~many]))
        if len(part)
    ]
    if len(means) < 2:
        return float("nan"), float("nan")
    low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
    return float(low), float(high)
