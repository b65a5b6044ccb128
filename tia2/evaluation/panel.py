"""A table of items as arrays with one row a prompt, and the figures of every prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.metrics import METRICS, all_metrics
from tia2.evaluation.metrics.ranks import rank
from tia2.evaluation.result import PromptResult

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prompts:
    """Items grouped by prompt: subsets in the order of the table, prompts in natural order within them.

    So resampling prompts by their place gives the same resamples however the table is sorted.

    Attributes:
        frame: One row a prompt: subset, prompt_id, prompt, items.
        labels: Shape (prompts, items), padded, as are the next three.
        human_scores: The human scores.
        values: What is evaluated.
        mask: True where there is an item.
    """

    frame: pd.DataFrame
    labels: NDArray[np.bool_]
    human_scores: Floats
    values: Floats
    mask: NDArray[np.bool_]

    @classmethod
    def of(cls, items: pd.DataFrame, values: Floats) -> Prompts:
        """Group a table with the columns of a benchmark, and one value an item."""
        grouped = items.groupby(["subset", "prompt_id"], sort=False, observed=True)
        frame = grouped["prompt"].agg(["first", "size"]).reset_index()
        frame.columns = ["subset", "prompt_id", "prompt", "items"]
        place = {subset: number for number, subset in enumerate(frame["subset"].unique())}
        keys = [(place[a], _natural(b)) for a, b in zip(frame["subset"], frame["prompt_id"], strict=True)]
        order = sorted(range(len(frame)), key=keys.__getitem__)
        rows = np.empty(len(order), np.intp)
        rows[order] = np.arange(len(order))
        at = (rows[grouped.ngroup().to_numpy()], grouped.cumcount().to_numpy())
        shape = (len(frame), int(frame["items"].max()))

        def spread(column: Any, dtype: type[np.generic]) -> NDArray[Any]:
            array = np.zeros(shape, dtype)
            array[at] = column
            return array

        return cls(
            frame.iloc[order].reset_index(drop=True),
            spread(items["label"].to_numpy(), np.bool_),
            spread(items["human_score"].to_numpy(), np.float64),
            spread(values, np.float64),
            spread(True, np.bool_),
        )

    @property
    def subsets(self) -> list[str]:
        """Names of the subsets."""
        return [str(subset) for subset in self.frame["subset"].unique()]

    def rows(self, subset: str) -> NDArray[np.bool_]:
        """Return which prompts belong to a subset."""
        return (self.frame["subset"] == subset).to_numpy(np.bool_)

    @cached_property
    def aligned(self) -> Floats:
        """Share of aligned items, shape (prompts,)."""
        shares: Floats = self.labels.sum(axis=1) / self.mask.sum(axis=1)
        return shares

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Prompts whose labels differ."""
        used: NDArray[np.bool_] = (self.aligned > 0) & (self.aligned < 1)
        return used

    @cached_property
    def ties(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """How many items share their value within the prompt, and how many distinct values there are."""
        ranking = rank(self.values, self.mask)
        position = np.arange(self.mask.shape[1])
        real = position < ranking.counts[:, None]
        tied = (ranking.last - ranking.first > 1) & real
        return tied.sum(axis=1), ((ranking.first == position) & real).sum(axis=1)

    @cached_property
    def figures(self) -> Floats:
        """Shape (prompts, metrics): NaN where the prompt isn't used, 0 for rank correlations with constant values."""
        figures = np.stack(list(all_metrics(self.labels, self.human_scores, self.values, self.mask).values()), axis=1)
        return np.where(self.used[:, None], np.nan_to_num(figures), np.nan)

    def records(self, figures: Floats | None = None) -> list[PromptResult]:
        """Return the figures of every prompt.

        Args:
            figures: Those to report where the values themselves aren't known, shape (prompts, metrics); how many are
                tied is then unknown too.
        """
        tied, distinct = self.ties if figures is None else (None, None)
        shown = self.figures if figures is None else figures
        columns = (self.frame[name].tolist() for name in ("subset", "prompt_id", "prompt", "items"))
        return [
            PromptResult(
                subset=subset,
                prompt_id=prompt_id,
                prompt=prompt,
                items=items,
                aligned=float(self.aligned[place]),
                tied=None if tied is None else int(tied[place]),
                distinct=None if distinct is None else int(distinct[place]),
                metrics=dict(zip(METRICS, shown[place].tolist(), strict=True)),
            )
            for place, (subset, prompt_id, prompt, items) in enumerate(zip(*columns, strict=True))
        ]


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts "counting/2" before "counting/10"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)
