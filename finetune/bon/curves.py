"""From a score table with trusted judgements to best-of-n curves."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tia2.calibration import calibrate
from tia2.errors import ResultError, unknown_name
from tia2.evaluation.bootstrap import CONFIDENCE, RESAMPLES
from tia2.evaluation.panel import Panel
from tia2.evaluation.result import Entry
from tia2.evaluation.summary import OVERALL
from tia2.evaluation.values import Function, Values

from .divergence import best_of_n_kl, best_of_n_kl_with_ties
from .estimator import Pool, checked_n, expected_best, jackknife_errors, ranked_pool
from .frontier import fit_frontier
from .peak import find_peak
from .prompt_means import PromptMeans
from .records import BestOfNPrompt, BestOfNSubset, MeanCurve, Peak
from .result import BestOfNResult

if TYPE_CHECKING:
    import pandas as pd

    from tia2.calibration import Calibration
    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def best_of_n_curves(
    values: Values | ScoreTable | str | os.PathLike[str] | Sequence[ScoreTable | str | os.PathLike[str]],
    calibration: Calibration | Mapping[str, Any] | str | Function | None = None,
    *,
    gold: str | ArrayLike = "human_score",
    n: Sequence[int] | None = None,
    limit: int | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> BestOfNResult:
    """Measure what choosing the best of n images by a reward gains, and from which n on it over-optimises.

    No image is made and no model runs: the images that were scored and judged are chosen among, prompt by prompt, with
    the unbiased estimator `best_of_n`. Curves are means over the prompts of a subset, `overall` the mean of the
    subsets, with pointwise 95 % intervals from the bootstrap over prompts that `tia2.evaluate` uses, on the same
    resamples. Best-of-n is the plainest optimiser there is: where a reward over-optimises already here, stronger
    optimisers will find the same images.

    Args:
        values: Values that `tia2.calibrate` made; or a score table; or the path of either; or a list of score tables
            for an ensemble.
        calibration: Calibration of the score tables as `tia2.calibrate` takes it: an object, a name or short text such
            as "textnorm:temperature=0.5", or a function; None for the reward of each item's own prompt.
        gold: Trusted judgements: a column of the items with numbers, such as "human_score" (mean of the votes) or
            "label"; or one number per item of the table, for instance a judge's.
        n: Numbers of images to choose from; 1, 2, 3, 4, 6, 8, 12, … by default, with N / 4 and N. 1 is added. Prompts
            with fewer scored items than the largest are left out, with a warning.
        limit: Largest n that peak, drop, fit and the prompts' gains look at; N / 4 by default. Up to there at least
            four independent choices stand behind every prompt's figure.
        seed: Seed of the bootstrap.
        resamples: Number of resamples of the prompts.

    Returns:
        The curves; equal arguments give an equal result.

    Raises:
        ResultError: An item has no gold, n or the limit is out of range, or the values are not one finite number per
            item.
        UnknownNameError: The items have no such column, or there is no such calibration.
        Tia2Error: The table can't be loaded.

    Example:
        >>> import tia2.finetune
        >>> result = tia2.finetune.best_of_n_curves("runs/quickstart/scores/mini-vivid")  # doctest: +SKIP
        >>> result.overall.gold.mean[:4]  # doctest: +SKIP
        [0.668, 0.711, 0.728, 0.737]
    """
    _check_whole("seed", seed, 0)
    _check_whole("number of resamples", resamples, 1)
    loaded = _values(values, calibration)
    title, judgements = _gold(loaded.items, gold, loaded.scored)
    panel = Panel.of(loaded.items, loaded.scored, seed=seed, resamples=resamples)
    numbers = _numbers(n, panel.mask.sum(axis=1))
    panel, left_out = _long_enough(loaded.items, panel, int(numbers[-1]))
    numbers, end = _with_limit(numbers, limit)
    measured = _Curves.of(panel, loaded.values, judgements, numbers)
    parts = {name: _part(panel, [name], measured, numbers, end) for name in panel.subsets}

    from tia2._version import __version__

    return BestOfNResult(
        tia2_version=__version__,
        entry=_entry(loaded),
        benchmark=loaded.benchmark,
        gold=title,
        gold_fingerprint=hashlib.sha256(judgements.astype("<f8").tobytes()).hexdigest(),
        seed=seed,
        resamples=resamples,
        confidence=CONFIDENCE,
        n=numbers.tolist(),
        kl=best_of_n_kl(numbers).tolist(),
        limit=int(numbers[end - 1]),
        subsets=parts,
        overall=_part(panel, panel.subsets, measured, numbers, end) if len(parts) > 1 else next(iter(parts.values())),
        prompts=_prompts(panel, measured, int(numbers[end - 1]), end),
        prompts_left_out=left_out,
    )


class GoldCurve(NamedTuple):
    """The gold of the best of n in one subset, and nothing else.

    Attributes:
        n: Numbers of images to choose from, ascending, beginning with 1, shape (numbers,).
        limit: Largest n at which a peak is looked for.
        gold: Mean over prompts with the lower and the upper end of its interval, shape (numbers, 3).
        peak: Where it is highest, as `best_of_n_curves` finds it.
    """

    n: Ints
    limit: int
    gold: Floats
    peak: Peak | None


def gold_curves(values: Values, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, GoldCurve]:
    """Return of `best_of_n_curves` only people's mean score, for boards of many entries: a third of the time.

    Args:
        values: An entry's values.
        resamples: Number of resamples of the prompts.
        seed: Seed of the bootstrap.

    Returns:
        A curve per subset, and `overall` where there are several.

    Raises:
        ResultError: An item has no human score, or the values are not finite.
    """
    panel = Panel.of(values.items, values.scored, seed=seed, resamples=resamples)
    _, judgements = _gold(values.items, "human_score", values.scored)
    numbers = _numbers(None, panel.mask.sum(axis=1))
    panel, _ = _long_enough(values.items, panel, int(numbers[-1]))
    numbers, end = _with_limit(numbers, None)
    pool = ranked_pool(panel.grouped(np.nan_to_num(values.values)), panel.mask)
    gold = expected_best(pool, panel.grouped(np.nan_to_num(judgements)), numbers)
    scopes = {name: [name] for name in panel.subsets}
    if len(scopes) > 1:
        scopes[OVERALL] = list(panel.subsets)
    curves = {}
    for name, subsets in scopes.items():
        rows = [np.flatnonzero(panel.rows(subset)) for subset in subsets]
        means = PromptMeans(subsets, rows, panel.resamples, panel.seed)
        peak = find_peak(means, gold[:, :end], numbers[:end].tolist())
        curves[name] = GoldCurve(numbers, int(numbers[end - 1]), np.array(means.intervals(gold)), peak)
    return curves


class _Curves(NamedTuple):
    """Curves of each prompt, shape (prompts, numbers) each, and what they were made of."""

    pool: Pool
    golds: Floats
    gold: Floats
    gain: Floats
    proxy: Floats
    proxy_gain: Floats
    oracle: Floats
    kl_with_ties: Floats

    @classmethod
    def of(cls, panel: Panel, proxy: Floats, gold: Floats, numbers: Ints) -> _Curves:
        """Measure values as a proxy against a gold, both one number per item of the panel's table."""
        proxies, golds = panel.grouped(np.nan_to_num(proxy)), panel.grouped(np.nan_to_num(gold))
        pool = ranked_pool(proxies, panel.mask)
        by_gold, by_proxy = expected_best(pool, golds, numbers), expected_best(pool, proxies, numbers)
        return cls(
            pool=pool,
            golds=golds,
            gold=by_gold,
            gain=by_gold - by_gold[:, :1],
            proxy=by_proxy,
            proxy_gain=_standardised(by_proxy, proxies, panel.mask),
            oracle=expected_best(ranked_pool(golds, panel.mask), golds, numbers),
            kl_with_ties=best_of_n_kl_with_ties(proxies, numbers, panel.mask),
        )


def usual_numbers(items: int) -> list[int]:
    """Return the n that curves have by default: about two per doubling, with a quarter of the items and all of them.

    Args:
        items: Scored items per prompt, N.

    Example:
        >>> usual_numbers(50)
        [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 50]
    """
    steps = [base * 2**power for power in range(items.bit_length() + 1) for base in (2, 3)]
    return sorted({1, max(1, items // 4), items, *(step for step in steps if step < items)})


def _values(given: Any, calibration: Any) -> Values:
    if isinstance(given, str | os.PathLike) and Path(given).is_file():
        given = Values.load(given)
    if isinstance(given, Values):
        if calibration is not None:
            raise ResultError(f"{given.name} is calibrated already: give the score tables to calibrate them otherwise.")
        return given
    return calibrate(given, "raw" if calibration is None else calibration)


def _entry(values: Values) -> Entry:
    return Entry(
        name=values.name,
        rewards=list(values.rewards),
        calibration=values.calibration,
        settings=dict(values.settings),
        upper_bound=values.upper_bound,
    )


def _check_whole(name: str, number: object, least: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ResultError(f"The {name} must be a whole number of at least {least}, got {number!r}.")


def _gold(items: pd.DataFrame, gold: str | ArrayLike, scored: NDArray[np.bool_]) -> tuple[str, Floats]:
    """Return the name of the trusted judgements and one per item."""
    if isinstance(gold, str):
        columns = [str(name) for name in items.columns if items[name].dtype.kind in "fiub"]
        if gold not in columns:
            raise unknown_name("gold", gold, columns)
        title, array = gold, items[gold].to_numpy()
    else:
        title, array = "custom", np.asarray(gold)
    if array.dtype.kind not in "fiub":
        raise ResultError(f"The gold must be real numbers, got dtype {array.dtype}.")
    if array.shape != (len(items),):
        raise ResultError(f"Expected the gold of each of the {len(items):,} items, got shape {array.shape}.")
    judgements = array.astype(np.float64)
    bad = ~np.isfinite(judgements) & scored
    if bad.any():
        first = items["item_id"].iloc[int(bad.argmax())]
        raise ResultError(f"The gold is NaN or infinite for {int(bad.sum()):,} items, the first is {first}.")
    return title, judgements


def _numbers(n: Sequence[int] | None, counts: NDArray[np.intp]) -> Ints:
    """Return the n of the curves, ascending."""
    if n is not None:
        given = checked_n(list(n), int(counts.max()))
        return np.unique(np.append(given, 1))
    # A prompt that lost most of its images must not shorten every curve.
    fewest = int(counts[counts >= np.median(counts) / 2].min())
    return np.array(usual_numbers(fewest), np.int64)


def _long_enough(items: pd.DataFrame, panel: Panel, largest: int) -> tuple[Panel, list[str]]:
    """Return the prompts with enough items for the largest n, and the ids of the others; warn of these."""
    enough = panel.mask.sum(axis=1) >= largest
    left_out = panel.prompts["prompt_id"][~enough].tolist()
    if not left_out:
        return panel, []
    warnings.warn(
        f"{len(left_out)} of {len(enough)} prompts have fewer than {largest} scored items and are left out, "
        f"the first is {left_out[0]}; a smaller largest n keeps them.",
        stacklevel=3,
    )
    kept = np.zeros(len(items), np.bool_)
    kept[panel.positions[panel.mask & enough[:, None]]] = True
    return Panel.of(items, kept, seed=panel.seed, resamples=panel.resamples), left_out


def _with_limit(numbers: Ints, limit: int | None) -> tuple[Ints, int]:
    """Return the n with the limit among them, and how many reach up to it."""
    largest = int(numbers[-1])
    if limit is None:
        # Where n was given, the largest of them that is a quarter at most.
        quarter = max(1, largest // 4)
        return numbers, int(np.searchsorted(numbers, quarter, side="right"))
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= largest:
        raise ResultError(f"The limit must be a whole number from 1 to the largest n, {largest}, got {limit!r}.")
    numbers = np.unique(np.append(numbers, limit))
    return numbers, int(np.searchsorted(numbers, limit, side="right"))


def _standardised(expected: Floats, proxies: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Return gains in standard deviations of the prompt's proxies; 0 where these are all equal."""
    counts = mask.sum(axis=1, keepdims=True)
    means = (proxies * mask).sum(axis=1, keepdims=True) / counts
    deviations = np.sqrt(((proxies - means) ** 2 * mask).sum(axis=1, keepdims=True) / counts)
    gains = expected - expected[:, :1]
    smallest = 1e-12 * np.abs(proxies).max(axis=1, keepdims=True)
    result: Floats = np.divide(gains, deviations, out=np.zeros_like(gains), where=deviations > smallest)
    return result


def _part(panel: Panel, subsets: Sequence[str], curves: _Curves, numbers: Ints, end: int) -> BestOfNSubset:
    """Return the curves of some subsets, from those of the prompts."""
    rows = [np.flatnonzero(panel.rows(subset)) for subset in subsets]
    means = PromptMeans(subsets, rows, panel.resamples, panel.seed)
    names = ("gold", "gain", "proxy", "proxy_gain", "oracle")
    # All curves at once: one product with the resamples instead of five.
    intervals = means.intervals(np.concatenate([getattr(curves, name) for name in names], axis=1))
    by_curve = np.array(intervals).reshape(len(names), len(numbers), 3)
    kl = best_of_n_kl(numbers[:end])
    return BestOfNSubset(
        prompts=means.prompts,
        **{
            name: MeanCurve(**dict(zip(("mean", "low", "high"), ends.T.tolist(), strict=True)))
            for name, ends in zip(names, by_curve, strict=True)
        },
        kl_with_ties=means.mean(curves.kl_with_ties).tolist(),
        peak=find_peak(means, curves.gold[:, :end], numbers[:end].tolist()),
        fit=fit_frontier(means, curves.gain[:, :end], kl),
        proxy_fit=fit_frontier(means, curves.proxy_gain[:, :end], kl),
    )


def _prompts(panel: Panel, curves: _Curves, limit: int, end: int) -> list[BestOfNPrompt]:
    """Return the curves of each prompt."""
    errors = jackknife_errors(curves.pool, curves.golds, limit)
    distinct = curves.pool.distinct
    columns = (panel.prompts[name].tolist() for name in ("subset", "prompt_id", "prompt", "items"))
    return [
        BestOfNPrompt(
            subset=subset,
            prompt_id=prompt_id,
            prompt=prompt,
            items=items,
            distinct=int(distinct[row]),
            gold=curves.gold[row].tolist(),
            proxy=curves.proxy[row].tolist(),
            oracle=curves.oracle[row].tolist(),
            gain=float(curves.gain[row, end - 1]),
            error=float(errors[row]),
        )
        for row, (subset, prompt_id, prompt, items) in enumerate(zip(*columns, strict=True))
    ]
