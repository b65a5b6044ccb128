"""Choosing a calibration's setting: by cross-validation over prompts, or, as an upper bound, on the test labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.metrics import auroc
from tia2.evaluation.panel import Prompts

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Candidates:
    """What every setting gives on every prompt.

    Attributes:
        prompts: The items by prompt; as values, their positions in the table.
        values: One an item, shape (settings, items of the table).
        figures: AUROC within each prompt, NaN where its labels are equal, shape (settings, prompts).
    """

    prompts: Prompts
    values: Floats
    figures: Floats

    @classmethod
    def of(cls, prompts: Prompts, values: Iterable[Floats]) -> Candidates:
        """Judge every setting's values, prompt by prompt.

        Args:
            prompts: The scored items by prompt; as values, their positions in the table.
            values: One array of shape (items of the table,) a setting.
        """
        places = prompts.values.astype(np.intp)
        found = list(values)
        mask = None if prompts.mask.all() else prompts.mask
        figures = [auroc(prompts.labels, np.where(prompts.mask, one[places], 0.0), mask) for one in found]
        return cls(prompts, np.stack(found), np.stack(figures))

    def pick(self, chosen: Ints) -> Floats:
        """Return each item's value under the setting chosen for its prompt, shape (items of the table,)."""
        rows, columns = np.nonzero(self.prompts.mask)
        places = self.prompts.values[rows, columns].astype(np.intp)
        picked = np.full(self.values.shape[1], np.nan)
        picked[places] = self.values[chosen[rows], places]
        return picked

    def oracle(self) -> Ints:
        """Return, for each prompt, the setting that is best on its own labels; the first where they are all equal."""
        return np.where(self.prompts.used, np.nan_to_num(self.figures, nan=-1).argmax(axis=0), 0)

    def cross_validated(self, folds: int, seed: int) -> tuple[Ints, list[int]]:
        """Return, for each prompt, the setting that is best on the other folds' prompts.

        Each subset is dealt out evenly to the folds. Best is the highest AUROC, averaged over the prompts of a subset
        and then over subsets; the earlier setting if equal.

        Args:
            folds: How many.
            seed: Of the deal.

        Returns:
            The settings' positions, one a prompt and one a fold.

        Raises:
            ResultError: There are fewer prompts whose labels differ than folds.
        """
        used = self.prompts.used
        if used.sum() < folds:
            raise ResultError(
                f"Cross-validation over {folds} folds needs as many prompts whose labels differ, got {used.sum()}."
            )
        fold = self._deal(folds, seed)
        of_fold = [int(self._means(fold != number).argmax()) for number in range(folds)]
        return np.array(of_fold, np.intp)[fold], of_fold

    def _deal(self, folds: int, seed: int) -> Ints:
        """Return a fold for every prompt, those whose labels differ and the others each dealt out evenly."""
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, folds])))
        fold = np.zeros(len(self.prompts.frame), np.intp)
        dealt = 0
        for subset in self.prompts.subsets:
            for group in (self.prompts.used, ~self.prompts.used):
                rows = np.flatnonzero(self.prompts.rows(subset) & group)
                fold[rng.permutation(rows)] = (dealt + np.arange(len(rows))) % folds
                dealt += len(rows) if group is self.prompts.used else 0
        return fold

    def _means(self, training: NDArray[np.bool_]) -> Floats:
        means = []
        for subset in self.prompts.subsets:
            rows = self.prompts.rows(subset) & self.prompts.used & training
            if rows.any():
                means.append(self.figures[:, rows].mean(axis=1))
        averaged: Floats = np.mean(means, axis=0)
        return averaged
