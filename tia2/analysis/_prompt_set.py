"""How TextNorm depends on X: how many contrastive prompts there are, and which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tia2.analysis.entries import Entries, panel_of
from tia2.analysis.outcome import Analysis
from tia2.calibration import MemberRewards, TextNorm
from tia2.calibration.checks import check_contrast
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.bootstrap import RESAMPLES
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.panel import Panel
from tia2.figures import Curve, Curves, FigureSpec

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Selection = Literal["random", "hardest", "easiest"]

SELECTIONS: tuple[Selection, ...] = ("random", "hardest", "easiest")
DRAWS = 16
MANY = 4
"""With more reward models than this, the figure shows the last subset, or `overall`, alone."""


def prompt_set(
    tables: Sequence[ScoreTable],
    *,
    metric: str = "auroc",
    draws: int = DRAWS,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Analysis:
    """Take only k contrastive prompts into X, and compare TextNorm with the raw reward on the same prompts.

    Three ways to take them: at random, averaged over several draws; the hardest, which get the highest mean reward over
    the prompt's images; and the easiest. None looks at a label. A prompt with fewer than k contrastive prompts keeps
    all of them. Temperatures are the documented ones.

    Args:
        tables: Score tables of one benchmark.
        metric: Metric that is compared.
        draws: Number of random subsets of each size.
        seed: Seed of the subsets and of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        Curves of the difference from raw against k, and a table with one row for each reward model, subset, way and k.

    Raises:
        UnknownNameError: No such metric.
        ResultError: The tables don't belong together or can't be calibrated; no draw.

    Example:
        >>> prompt_set([tia2.ScoreTable.load("runs/mini-strong")]).save("runs/analysis")  # doctest: +SKIP
    """
    import pandas as pd

    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ResultError(f"Expected a whole number of at least 1 draw, got {draws!r}.")
    entries = Entries.of(tables)
    check_contrast(tables)
    panel = panel_of(entries.items, entries.scored, seed=seed, resamples=resamples)
    rows = [row for table in tables for row in _sweep(panel, table, entries.scored, metric, draws, seed)]
    frame = pd.DataFrame(rows)
    title = METRICS[metric].title
    return Analysis(
        name="prompt_set",
        findings=_findings(frame, title),
        figure=_figure(frame, panel, title),
        table=frame,
        shown={"entry": "entry", "taken": "taken", "k": "k", "mean": title, "difference": "- raw",
               "low": "low", "high": "high"},
    )  # fmt: skip


def sizes(largest: int) -> list[int]:
    """Return how many contrastive prompts are tried: powers of two, and all.

    Example:
        >>> sizes(12)
        [1, 2, 4, 8, 12]
    """
    return [*(2**power for power in range(largest.bit_length()) if 2**power < largest), largest]


def _sweep(
    panel: Panel, table: ScoreTable, scored: Bools, metric: str, draws: int, seed: int
) -> Iterator[dict[str, str | float]]:
    rewards = MemberRewards.of_tables([table], scored)
    raw = np.asarray(table.raw, np.float64)
    of_raw = panel.figure(raw, metric)
    for taken in SELECTIONS:
        for k in sizes(int(table.mask.sum(axis=1).max()) - 1):
            subsets = list(_subsets(panel, table, taken, k, draws, seed))
            by_draw = [_spread(TextNorm().values(rewards.over(texts[scored])), scored) for texts in subsets]
            figures = np.mean([panel.figure(values, metric) for values in by_draw], axis=0)
            for subset in panel.scopes:
                mean, gap = panel.interval(figures, subset), panel.interval(figures - of_raw, subset)
                yield {
                    "entry": table.name,
                    "subset": subset,
                    "taken": taken,
                    "k": k,
                    "draws": len(by_draw),
                    "mean": mean.mean,
                    "mean_low": mean.low,
                    "mean_high": mean.high,
                    "pooled": float(np.mean([panel.pooled(values, metric, subset) for values in by_draw])),
                    "raw_mean": panel.interval(of_raw, subset).mean,
                    "raw_pooled": panel.pooled(raw, metric, subset),
                    "difference": gap.mean,
                    "low": gap.low,
                    "high": gap.high,
                }


def _spread(values: Floats, scored: Bools) -> Floats:
    spread = np.full(len(scored), np.nan)
    spread[scored] = values
    return spread


def _subsets(panel: Panel, table: ScoreTable, taken: Selection, k: int, draws: int, seed: int) -> Iterator[Bools]:
    """Yield which texts to take, shape (items, texts): one choice per prompt."""
    mask = table.mask
    first = panel.positions[:, 0]
    texts = mask[first]
    if taken == "random":
        every = k >= texts.sum(axis=1).max() - 1
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, k])))
        keys = [rng.random(texts.shape) for _ in range(1 if every else draws)]
    else:
        rewards = np.where(panel.mask[:, :, None], np.nan_to_num(table.rewards[panel.positions]), 0.0)
        mean = rewards.sum(axis=1) / panel.mask.sum(axis=1)[:, None]
        keys = [-mean if taken == "hardest" else mean]
    owner = np.zeros(len(mask), np.intp)
    rows, columns = np.nonzero(panel.mask)
    owner[panel.positions[rows, columns]] = rows
    for key in keys:
        order = np.where(texts, key, np.inf)
        order[:, 0] = -np.inf  # the prompt itself is always in X
        rank = order.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        yield (rank <= k)[owner]


def _findings(frame: pd.DataFrame, title: str) -> list[str]:
    last = frame["subset"].iloc[-1]
    sentences = []
    for entry, rows in frame[frame["subset"] == last].groupby("entry", sort=False):
        every = rows.loc[rows["k"].idxmax()]
        parts = [f"{every['difference']:+.3f} with all"]
        for taken in SELECTIONS:
            chosen = rows[(rows["taken"] == taken) & (rows["k"] < every["k"])]
            if len(chosen):
                best = chosen.loc[chosen["difference"].idxmax()]
                parts.append(f"{best['difference']:+.3f} at best with {best['k']:.0f} {taken}")
        sentences.append(f"{entry}: {title} from raw {', '.join(parts)}.")
    return sentences


def _figure(frame: pd.DataFrame, panel: Panel, title: str) -> FigureSpec:
    entries = list(dict.fromkeys(frame["entry"]))
    subsets = panel.scopes if len(entries) <= MANY else panel.scopes[-1:]
    panels = []
    for entry in entries:
        for subset in subsets:
            rows = frame[(frame["entry"] == entry) & (frame["subset"] == subset)]
            curves = [
                Curve(taken, *(chosen[name].tolist() for name in ("k", "difference", "low", "high")))
                for taken, chosen in rows.groupby("taken", sort=False)
            ]
            ticks = rows["k"].unique().tolist()
            panels.append(
                Curves(
                    f"{entry}, {subset}", "contrastive prompts in X", f"{title} - raw", curves, log=True,
                    levels={"raw": 0.0}, ticks=ticks,
                )
            )  # fmt: skip
    return FigureSpec(
        f"What TextNorm adds to {title}, by how many contrastive prompts are taken, and which",
        panels,
        "Paired difference within prompts, with its 95 % interval, at the documented temperature. Hardest: those with "
        "the highest mean reward over the prompt's images; easiest: with the lowest. No label is looked at.",
    )
