"""What a metric is: a function of ranked items, with all that is said about it anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.errors import PluginError, Tia2Error
from tia2.evaluation.metrics.ranked_items import RankedItems

Floats = NDArray[np.float64]
Plain = Callable[[NDArray[np.bool_], Floats, Floats, "NDArray[np.bool_] | None"], ArrayLike]
"""From labels, human scores, values and mask, of shape (prompts, items), to one figure per prompt."""
Resampler = Callable[[NDArray[np.bool_], Floats, NDArray[np.bool_], int, int, str], Floats]
"""From labels, values, mask, resamples, seed and subset to the pooled figure over resamples of the prompts."""

Contrast = Literal["labels", "human_scores", "pairs"]
"""What must differ within a prompt so that people's judgements order its items; "pairs" are compared by them."""


@dataclass(frozen=True)
class Metric:
    """A figure that evaluations report, and all that tables, pages and documents say about it.

    Attributes:
        name: Name in files and options.
        title: Name in tables and figures.
        definition: One plain sentence that says what is measured.
        low: Lower end of the range.
        high: Upper end of the range.
        chance: Expected figure of values that order nothing, which also counts where the figure is undefined although
            the labels differ; None where it depends on the prompt's share of aligned items (there, 0 counts).
        function: Function of the ranked items, to one figure per prompt, NaN where it is undefined.
        pooled_resamples: Function to the pooled figure over resamples of the prompts, for its interval; None for a
            metric whose pooled figure has no interval.
        version: Version, raised when the same items give other figures, so that what is kept of old ones isn't used.
        contrast: Judgements that must differ within a prompt; a prompt where they are all equal is left out.

    Example:
        >>> from tia2.evaluation import METRICS
        >>> METRICS["auroc"].chance, METRICS["auroc"].range
        (0.5, '0 to 1')
        >>> METRICS["auroc"]([[True, False, False]], [[1.0, 0.0, 0.5]], [[0.9, 0.1, 0.9]]).tolist()
        [0.75]
    """

    name: str
    title: str
    definition: str
    low: float
    high: float
    chance: float | None
    function: Callable[[RankedItems], Floats]
    pooled_resamples: Resampler | None = None
    version: str = "1"
    contrast: Contrast = "labels"

    @classmethod
    def plain(
        cls,
        function: Plain,
        *,
        name: str,
        title: str,
        definition: str,
        low: float = 0.0,
        high: float = 1.0,
        chance: float | None = None,
        version: str = "1",
        contrast: Contrast = "labels",
    ) -> Metric:
        """Return a metric whose function takes plain arrays.

        Args:
            function: Function of labels, human scores, values and mask (None where every place holds an item), all of
                shape (prompts, items), to one figure per prompt, NaN where it is undefined.
            name: Name in files and options.
            title: Name in tables and figures.
            definition: One plain sentence that says what is measured.
            low: Lower end of the range.
            high: Upper end of the range.
            chance: Expected figure of values that order nothing; None where it depends on the prompt.
            version: Version, raised when the same items give other figures.
            contrast: Judgements that must differ within a prompt, or it is left out: "labels" or "human_scores".

        Example:
            >>> def best(labels, human_scores, values, mask):
            ...     return np.take_along_axis(human_scores, values.argmax(axis=1)[:, None], axis=1)[:, 0]
            >>> metric = Metric.plain(best, name="best", title="Best", definition="The best item's human score.")
            >>> metric([[True, False]], [[1.0, 0.5]], [[0.1, 0.9]]).tolist()
            [0.5]
        """

        def of_ranked(ranked: RankedItems) -> Floats:
            return np.asarray(
                function(ranked.labels, ranked.human_scores, ranked.values, ranked.mask), dtype=np.float64
            )

        return cls(name, title, definition, low, high, chance, of_ranked, version=version, contrast=contrast)

    @property
    def range(self) -> str:
        """The range in words, for example "0 to 1"."""
        return f"{self.low:g} to {self.high:g}".replace("-", "−").replace("inf", "∞")

    @property
    def by_chance(self) -> str:
        """What chance gives, in words, for example "0.5"."""
        return "above the share of aligned items" if self.chance is None else f"{self.chance:g}"

    @property
    def undefined(self) -> float:
        """What counts for a prompt that people do order but whose figure is undefined, such as for constant values."""
        return 0.0 if self.chance is None else self.chance

    def __call__(
        self, labels: ArrayLike, human_scores: ArrayLike, values: ArrayLike, mask: ArrayLike | None = None
    ) -> Floats:
        """Return one figure per prompt, NaN where it is undefined.

        Args:
            labels: True for an aligned item, boolean, shape (prompts, items).
            human_scores: Finite human scores, same shape.
            values: Finite values, same shape, any unit.
            mask: True where there is an item, same shape; None for everywhere.

        Raises:
            ResultError: The arrays don't fit together, labels aren't boolean, or numbers are not finite.
        """
        return self.of(RankedItems(values, mask, labels=labels, human_scores=human_scores))

    def of(self, ranked: RankedItems) -> Floats:
        """Return one figure per prompt from items that may be ranked already.

        Raises:
            ResultError: The labels or human scores don't fit.
            PluginError: The function failed, or didn't return one figure per prompt.
        """
        try:
            figures = self.function(ranked)
        except Tia2Error:
            raise
        except Exception as problem:  # a plugin's function may raise anything
            raise PluginError(f"The metric {self.name!r} failed: {type(problem).__name__}: {problem}") from problem
        prompts = len(ranked.values)
        if figures.shape != (prompts,):
            raise PluginError(
                f"The metric {self.name!r} must return one figure for each of the {prompts} prompts, got shape "
                f"{figures.shape}."
            )
        return figures
