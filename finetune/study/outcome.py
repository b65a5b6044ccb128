"""What the runs of a study say together: each condition's gain, fall and distance, with what other seeds would give."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.bootstrap import CONFIDENCE

from ..diagnostics.curves import RunCurves
from ..diagnostics.peak import PeakTest, peak_test

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Span = tuple[float, float]


@dataclass(frozen=True)
class SeedMean:
    """A mean over seeds.

    Attributes:
        values: One value per seed.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean."""
        return float(np.mean(self.values))

    @property
    def interval(self) -> Span:
        """Student's interval of the mean: what other seeds would give; NaN with a single seed.

        Example:
            >>> low, high = SeedMean((0.1, 0.2, 0.3)).interval
            >>> round(low, 3), round(high, 3)
            (-0.048, 0.448)
        """
        from scipy.special import stdtrit

        count = len(self.values)
        if count < 2:
            return math.nan, math.nan
        half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * np.std(self.values, ddof=1) / np.sqrt(count))
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class ConditionOutcome:
    """What a condition's runs came to, on test images of the training prompts unless said otherwise.

    Attributes:
        name: Name of the condition.
        seeds: Seeds of its runs.
        proxy_gain: Proxy at the end less the base model's.
        base: Gold of the base model.
        end: Gold at the end.
        change: Gold at the end less the base model's.
        gain: Gold at the peak that validation images chose, less the base model's.
        drop: Gold at that peak less gold at the end.
        peak_kl: Path KL at the peak, nats, without the last two steps.
        end_kl: Path KL at the end.
        held_out_change: Gold on held-out prompts at the end, less the base model's.
        verdicts: The verdict of each run.
    """

    name: str
    seeds: tuple[int, ...]
    proxy_gain: SeedMean
    base: SeedMean
    end: SeedMean
    change: SeedMean
    gain: SeedMean
    drop: SeedMean
    peak_kl: SeedMean
    end_kl: SeedMean
    held_out_change: SeedMean
    verdicts: tuple[str, ...]


def condition_outcome(name: str, runs: Mapping[int, RunCurves]) -> ConditionOutcome:
    """Return what a condition's runs came to.

    Args:
        name: Name of the condition.
        runs: Its curves by seed; each with a gold judge.
    """
    seeds = tuple(sorted(runs))
    curves = [runs[seed] for seed in seeds]
    peaks: list[PeakTest] = [test for each in curves if (test := peak_test(each)) is not None]
    gold = [each.part("gold").mean(axis=(1, 2)) for each in curves]
    proxy = [each.part("proxy").mean(axis=(1, 2)) for each in curves]
    held_out = [each.part("gold", held_out=True).mean(axis=(1, 2)) for each in curves]
    return ConditionOutcome(
        name=name,
        seeds=seeds,
        proxy_gain=_over(each[-1] - each[0] for each in proxy),
        base=_over(each[0] for each in gold),
        end=_over(each[-1] for each in gold),
        change=_over(each[-1] - each[0] for each in gold),
        gain=_over(peak.gain for peak in peaks),
        drop=_over(peak.drop for peak in peaks),
        peak_kl=_over(peak.peak_kl for peak in peaks),
        end_kl=_over(each.kl[-1] for each in curves),
        held_out_change=_over(each[-1] - each[0] for each in held_out),
        verdicts=tuple(peak.verdict for peak in peaks),
    )


def paired_difference(first: Mapping[int, RunCurves], second: Mapping[int, RunCurves]) -> SeedMean:
    """Return how much more gold the first condition has at the end than the second, by the seeds that both have.

    Runs of one seed share their noise, so that luck cancels in the difference.

    Args:
        first: Curves of the first condition by seed.
        second: Curves of the second.
    """
    shared = sorted(first.keys() & second.keys())
    return _over(_end(first[seed]) - _end(second[seed]) for seed in shared)


def change_at(runs: Mapping[int, RunCurves], kl: float) -> SeedMean:
    """Return the change of gold where runs have come a distance from the base model, one value per seed.

    Between two evaluations gold is taken to change evenly with √KL. Runs that never come that far are left out. The
    distance leaves out the last two steps of the path, so that it doesn't bound the images' own divergence.

    Args:
        runs: Curves of a condition by seed.
        kl: The distance: path KL in nats, without the last two steps.

    Example:
        >>> change_at(runs, 3.8).mean  # doctest: +SKIP
        -0.05
    """
    changes = []
    for _, curves in sorted(runs.items()):
        gold = curves.part("gold").mean(axis=(1, 2))
        beyond = np.flatnonzero(curves.kl >= kl)
        if not beyond.size:
            continue
        first = max(int(beyond[0]), 1)
        near, far = np.sqrt(curves.kl[first - 1 : first + 1])
        share = (math.sqrt(kl) - near) / (far - near)
        changes.append(gold[first - 1] + share * (gold[first] - gold[first - 1]) - gold[0])
    return _over(changes)


def _over(values: Iterable[float]) -> SeedMean:
    return SeedMean(tuple(float(value) for value in values))


def _end(curves: RunCurves) -> float:
    return float(curves.part("gold")[-1].mean())


# Best-of-n and what can be known without training


@dataclass(frozen=True)
class PoolOutcome:
    """What choosing among the base model's images by an entry comes to, and static figures of the entry on them.

    Attributes:
        name: Name of the condition.
        n: Numbers of images chosen among, shape (numbers,).
        gold: Expected gold of the best of n, mean over prompts, per seed, shape (seeds, numbers).
        proxy: Expected proxy of the best of n, same shape.
        auroc: AUROC within prompts, mean over prompts, one value per seed.
        pooled: AUROC over the images of all prompts, one value per seed.
    """

    name: str
    n: tuple[int, ...]
    gold: Floats
    proxy: Floats
    auroc: SeedMean
    pooled: SeedMean

    @property
    def change(self) -> SeedMean:
        """Gold at the largest n less the base model's."""
        return self.change_at(self.n[-1])

    def change_at(self, n: int) -> SeedMean:
        """Return gold at one of the numbers less the base model's."""
        return _over(self.gold[:, self.n.index(n)] - self.gold[:, 0])

    @property
    def drop(self) -> float:
        """Highest mean gold less that at the largest n."""
        mean = self.gold.mean(axis=0)
        return float(mean.max() - mean[-1])

    @property
    def peak(self) -> int:
        """The n at which mean gold is highest."""
        return self.n[int(self.gold.mean(axis=0).argmax())]


def pool_outcome(name: str, pools: Sequence[pd.DataFrame], n: Sequence[int]) -> PoolOutcome:
    """Return what an entry's choice among the base model's images comes to.

    Args:
        name: Name of the condition, a column of each pool.
        pools: The pool of each seed.
        n: Numbers of images to choose from.
    """
    from tia2.evaluation.metrics import auroc

    from ..bon.estimator import best_of_n

    gold, proxy, within, pooled = [], [], [], []
    for pool in pools:
        prompts = pool["prompt"].nunique()
        values = pool[name].to_numpy(np.float64).reshape(prompts, -1)
        judged = pool["gold"].to_numpy(np.float64).reshape(prompts, -1)
        gold.append(best_of_n(values, judged, list(n)).mean(axis=0))
        proxy.append(best_of_n(values, values, list(n)).mean(axis=0))
        labels = judged > 0.5
        within.append(float(np.nanmean(auroc(labels, values))))
        pooled.append(float(auroc(labels.reshape(1, -1), values.reshape(1, -1))[0]))
    return PoolOutcome(name, tuple(n), np.array(gold), np.array(proxy), _over(within), _over(pooled))
