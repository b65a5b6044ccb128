"""The score tables of an ensemble's members, or of a single reward model, checked to belong together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tia2.calibration._textnorm import textnorm, textnorm_minmax
from tia2.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
Scaling = Literal["temperature", "minmax"]


@dataclass(frozen=True)
class Members:
    """The rewards of one or several models on the same items, over the same X.

    Attributes:
        tables: One score table a member.
    """

    tables: tuple[ScoreTable, ...]

    @classmethod
    def of(cls, tables: Sequence[ScoreTable]) -> Members:
        """Check that the tables belong together and can be calibrated.

        Raises:
            ResultError: There is none; they are of different benchmarks or images; one is listed twice; a reward does
                not depend on the text; or there are no contrastive prompts.
        """
        if not tables:
            raise ResultError("Expected at least one score table, got none.")
        first = tables[0]
        seen: dict[str, str] = {}
        for table in tables:
            _check_same(first, table)
            card = table.manifest.reward.card
            if card.kind == "control":
                raise ResultError(
                    f"{table.name} scores the image alone, whatever the text: over X it is constant, so TextNorm would "
                    "be 1 / |X| for every item. Controls are evaluated raw."
                )
            fingerprint = table.manifest.reward.fingerprint
            if fingerprint in seen:
                raise ResultError(f"{table.name} and {seen[fingerprint]} are one reward model: list it once.")
            seen[fingerprint] = table.name
        alone = first.mask.sum(axis=1) < 2
        if alone.all():
            raise ResultError(
                f"No prompt of {first.manifest.benchmark.name} has contrastive prompts, so TextNorm would be 1 for "
                "every item. `tia2 prompts contrast` makes some; then score again."
            )
        if alone.any():
            prompts = first.items["prompt_id"][alone].nunique()
            warnings.warn(
                f"{prompts} prompts have no contrastive prompts: TextNorm is 1 for all their items.",
                stacklevel=4,
            )
        return cls(tuple(tables))

    def __len__(self) -> int:
        return len(self.tables)

    @property
    def names(self) -> list[str]:
        """The members' names."""
        return [table.name for table in self.tables]

    @property
    def items(self) -> pd.DataFrame:
        """The benchmark's items, in the tables' order."""
        return self.tables[0].items

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Which items every member has rewards for, shape (items,)."""
        return np.asarray(np.all([~np.isnan(table.rewards[:, 0]) for table in self.tables], axis=0))

    @property
    def default_temperatures(self) -> list[float]:
        """The temperature that each model's card documents.

        Raises:
            ResultError: A card names none.
        """
        found = []
        for table in self.tables:
            temperature = table.manifest.reward.card.default_temperature
            if temperature is None:
                raise ResultError(
                    f"The card of {table.name} documents no default temperature: give one, or choose scaling='minmax', "
                    "which needs none."
                )
            found.append(float(temperature))
        return found

    def textnorm(self, scaling: Scaling, levels: Sequence[float], keep: NDArray[np.bool_] | None = None) -> Floats:
        """Return every member's TextNorm values.

        Args:
            scaling: "temperature" or "minmax".
            levels: Temperature or scale, one a member.
            keep: Which texts to take for X, shape (items, texts), the prompt among them; all if None.

        Returns:
            Shape (members, items); NaN where an item isn't scored by all.
        """
        values = np.full((len(self.tables), len(self.items)), np.nan)
        mask = self.tables[0].mask if keep is None else self.tables[0].mask & keep
        rows = slice(None) if self.scored.all() else self.scored
        for number, (table, level) in enumerate(zip(self.tables, levels, strict=True)):
            share = textnorm if scaling == "temperature" else textnorm_minmax
            values[number, rows] = share(table.rewards[rows], level, mask=mask[rows])
        return values


def _check_same(first: ScoreTable, other: ScoreTable) -> None:
    a, b = first.manifest, other.manifest
    same = (a.benchmark.fingerprint, a.benchmark.votes_fingerprint) == (
        b.benchmark.fingerprint,
        b.benchmark.votes_fingerprint,
    )
    if not same or not first.items["item_id"].equals(other.items["item_id"]):
        raise ResultError(
            f"{first.name} and {other.name} are not on the same benchmark: {a.benchmark.name} and {b.benchmark.name} "
            "differ in items, contrastive prompts or votes."
        )
    # Skipped items have no image; what one model could read, another may have been run without.
    if any(x != y for x, y in zip(first.image_sha256, other.image_sha256, strict=True) if x and y):
        raise ResultError(f"{first.name} and {other.name} were scored on different images of {a.benchmark.name}.")
