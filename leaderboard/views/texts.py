"""What the words on the board mean: one home for the About tab and the offline page.

Metrics and calibrations bring their own definitions; those of the figures, of people and of entries stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tia2.calibration.registry import CALIBRATIONS
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.metrics.pair_metrics import PAIR_METRICS

BEFORE = MappingProxyType(
    {
        "reward model": "scores an image and a text; the number it gives is the reward.",
        "human score and label": "the mean of an item's votes, unsure counted as 0.5; aligned where it is above 0.5. "
        "Of ratings, their mean, scaled to 0 to 1; aligned by the rule that the benchmark states. Of pairs, the share "
        "of the votes on an item's pairs that it got; aligned where it is more than half.",
        "metrics": "computed within each prompt, over its images. Prompts whose labels are all equal are left out.",
    }
)
AFTER = MappingProxyType(
    {
        "figure of a subset": "the mean over its prompts; overall is the mean of the subsets. The prompt is the unit "
        "of uncertainty.",
        "interval": "95 %, a seeded bootstrap over prompts, the same resamples for every entry.",
        "pooled": "the same metric over all items of a subset at once: can rewards of different prompts be compared?",
        "ranks": "the ranks that an entry has in 95 % of the resamples.",
        "against the best": "≈ best where an entry is not separable from the best at 5 %: in at most 5 % of boards of "
        "equal models any is said to be worse. Corrected for the models that rank below and aren't surely worse, each "
        "with its best entry; further entries of a model are held against all entries. A model that is surely worse "
        "changes nothing for the others. Compare uses the same p for every pair.",
    }
)
PEOPLE = MappingProxyType(
    {
        "noise ceiling": "what a scorer would reach that knows each image's true share of yes votes, or its true "
        "rating, judged by the votes or ratings there are.",
        "one human annotator": "one vote or rating as the value, judged against the others on the same item.",
        "as published": "figures from a publication; no score table stands behind them, so they could not be "
        "recomputed.",
        "not complete": "values are missing for some items: shown apart, never ranked.",
    }
)


def definitions() -> Mapping[str, str]:
    """Return every word that the board uses, and what it means, in the order in which they build on one another.

    Example:
        >>> definitions()["ranks"]
        'the ranks that an entry has in 95 % of the resamples.'
    """
    metrics = {metric.title: metric.definition for _, metric in METRICS.items()}
    metrics |= {metric.title: metric.definition for metric in PAIR_METRICS.values()}
    calibrations = {calibration.title: calibration.definition for _, calibration in CALIBRATIONS.items()}
    return {**BEFORE, **metrics, **AFTER, **calibrations, **PEOPLE}
