"""What each of several settings gives on each prompt, and which is taken where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError

if TYPE_CHECKING:
    from tia2.evaluation.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Candidates:
    """What every setting gives on every prompt.

    Attributes:
        panel: Panel of the items.
        values: Values under each setting, shape (settings, items).
        figures: AUROC within each prompt, NaN where its labels are equal, shape (settings, prompts).
    """

    panel: Panel
    values: Floats
    figures: Floats

    @classmethod
    def of(cls, panel: Panel, values: Iterable[Floats]) -> Candidates:
        """Judge every setting's values, prompt by prompt.

        Args:
            panel: Panel of the scored items.
            values: One array of shape (items,) per setting.
        """
        by_setting = np.stack(list(values))
        return cls(panel, by_setting, np.stack([panel.figure(row, "auroc") for row in by_setting]))

    def pick(self, chosen: Ints) -> Floats:
        """Return each item's value under the setting chosen for its prompt, shape (items,).

        Args:
            chosen: Position of the setting, per prompt.
        """
        rows, columns = np.nonzero(self.panel.mask)
        positions = self.panel.positions[rows, columns]
        picked = np.full(self.values.shape[1], np.nan)
        picked[positions] = self.values[chosen[rows], positions]
        return picked

    def best(self) -> int:
        """Return the position of the setting that is best on all prompts: the earlier one if equal.

        Raises:
            ResultError: No prompt's labels differ.
        """
        if not self.panel.used.any():
            raise ResultError("A setting can't be chosen: no prompt has labels that differ.")
        return int(self._means(np.ones(len(self.panel.used), np.bool_)).argmax())

    def oracle(self) -> Ints:
        """Return, for each prompt, the setting that is best on its own labels; the first where they are all equal."""
        return np.where(self.panel.used, np.nan_to_num(self.figures, nan=-1).argmax(axis=0), 0)

    def cross_validated(self, folds: int, seed: int) -> tuple[Ints, list[int]]:
        """Return, for each prompt, the setting that is best on the other folds' prompts.

        Each subset is dealt out evenly to the folds. Best is the highest AUROC, averaged over the prompts of a subset
        and then over subsets; the earlier setting if equal.

        Args:
            folds: Number of folds.
            seed: Seed of the deal.

        Returns:
            The settings' positions, per prompt and per fold.

        Raises:
            ResultError: There are fewer prompts whose labels differ than folds.
        """
        used = self.panel.used
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
        fold = np.zeros(len(self.panel.prompts), np.intp)
        dealt = 0
        for subset in self.panel.subsets:
            for group in (self.panel.used, ~self.panel.used):
                rows = np.flatnonzero(self.panel.rows(subset) & group)
                fold[rng.permutation(rows)] = (dealt + np.arange(len(rows))) % folds
                # The next subset is dealt from where this one ended, so that folds stay even over all of them.
                dealt += len(rows) if group is self.panel.used else 0
        return fold

    def _means(self, training: NDArray[np.bool_]) -> Floats:
        means = []
        for subset in self.panel.subsets:
            rows = self.panel.rows(subset) & self.panel.used & training
            if rows.any():
                means.append(self.figures[:, rows].mean(axis=1))
        averaged: Floats = np.mean(means, axis=0)
        return averaged
