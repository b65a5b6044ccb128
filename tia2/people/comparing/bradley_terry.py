"""Strengths of several models from votes on pairs of them: Bradley and Terry's model with Davidson's ties.

With strengths β and a parameter ν of ties, a vote on a pair (i, j) is

    P(i wins) = e^βi / D,  P(tie) = ν √(e^βi e^βj) / D,  D = e^βi + e^βj + ν √(e^βi e^βj).

The logarithms of these are linear in β and log ν less a convex function, so the likelihood has one highest value. It
is reached by finite strengths only if, whatever way the models are divided in two, someone preferred a model of each
half to one of the other, or tied them (Ford's condition). Where a model always won, or a group did, its strength has no
bound: then, and only then, half a win and half a loss of every model against one of mean strength are added, and the
result says so.

Source: Davidson 1970, On extending the Bradley-Terry model to accommodate ties, https://doi.org/10.1080/01621459.1970.10481082;
Ford 1957, Solution of a ranking problem from binary comparisons, https://doi.org/10.1080/00029890.1957.11989117
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tia2.errors import ResultError
from tia2.evaluation.bootstrap import over_resamples
from tia2.people.comparing.pair_votes import PairVotes, codes_of

Floats = NDArray[np.float64]

WINS, TIES, LOSSES = 0, 1, 2
"""Positions of the three outcomes in a table of counts."""
SUBSET = "bradley-terry"
_STEPS = 15
"""Newton's steps for all resamples together."""
_PULL = 0.5
"""Wins and losses of every model against one of mean strength where strengths would have no bound."""


@dataclass(frozen=True)
class Strengths:
    """Strengths of models, on a scale on which their mean is 0.

    Attributes:
        models: Names of the models.
        strengths: β of each, in units of log odds: a model is preferred to another with odds e^(β − β'), ties aside.
        low: Lower ends of their intervals over prompts; NaN without resamples.
        high: Upper ends of their intervals over prompts.
        ties: ν, 0 where nobody tied a pair. Two models of equal strength tie with probability ν / (2 + ν).
        better: Share of resamples in which each model is stronger than each other one, shape (models, models).
        bounded: Whether the votes alone bound the strengths; if not, a pull towards the mean does.
        log_likelihood: Highest log-likelihood of the votes.
    """

    models: tuple[str, ...]
    strengths: Floats
    low: Floats
    high: Floats
    ties: float
    better: Floats
    bounded: bool
    log_likelihood: float


def bradley_terry(votes: PairVotes, *, seed: int = 0, resamples: int = 500) -> Strengths:
    """Return the models' strengths by maximum likelihood, with intervals over prompts.

    Args:
        votes: Votes on one question.
        seed: Seed of the resamples.
        resamples: Number of resamples of the prompts; 0 for no intervals.

    Returns:
        The strengths; intervals are the 2.5 and 97.5 % quantiles over resamples of the prompts.

    Raises:
        ResultError: There are no votes, all are ties, or some models are never compared with the others, not even by
            way of further ones.

    Example:
        >>> import pandas as pd
        >>> from tia2.people.comparing.pair_votes import COLUMNS
        >>> choices = ["left"] * 6 + ["tie"] * 2 + ["right"] * 2
        >>> rows = [(f"p{n}", f"p{n}", "a", "b", "Ada", "all", choice, 0.0) for n, choice in enumerate(choices)]
        >>> fitted = bradley_terry(PairVotes(pd.DataFrame(rows, columns=COLUMNS)), resamples=0)
        >>> (fitted.strengths[0] - fitted.strengths[1]).round(4) == np.log(6 / 2).round(4)
        np.True_
    """
    models = tuple(votes.models)
    frame = votes.frame
    numbers = {name: number for number, name in enumerate(models)}
    left = frame["left"].map(numbers).to_numpy(np.intp)
    right = frame["right"].map(numbers).to_numpy(np.intp)
    outcome = frame["choice"].map({"left": WINS, "tie": TIES, "right": LOSSES}).to_numpy(np.intp)
    prompts = codes_of(frame["prompt_id"].tolist())
    count = int(prompts.max(initial=-1)) + 1
    tables = np.zeros((count, len(models), len(models), 3))
    np.add.at(tables, (prompts, left, right, outcome), 1)
    total = tables.sum(axis=0)
    fitted = fit_strengths(total)
    start = fitted.parameters
    nothing = np.full(len(models), np.nan)
    low, high, better = nothing, nothing, np.full((len(models), len(models)), np.nan)
    if resamples and count > 1:
        flat = tables.reshape(count, -1)

        def strengths(counts: Floats) -> Floats:
            return _refit((counts @ flat).reshape(-1, *total.shape), start)

        drawn = over_resamples(strengths, count, resamples, seed, SUBSET)
        drawn = drawn[np.isfinite(drawn).all(axis=1)]
        if len(drawn):
            low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
            better = (drawn[:, :, None] > drawn[:, None, :]).mean(axis=0)
            better += (drawn[:, :, None] == drawn[:, None, :]).mean(axis=0) / 2
    return Strengths(
        models, fitted.strengths, low, high, fitted.ties, better, fitted.bounded, fitted.log_likelihood
    )  # fmt: skip


@dataclass(frozen=True)
class FittedStrengths:
    """Strengths that fit a table of counts.

    Attributes:
        strengths: β of each model, with mean 0.
        ties: ν.
        bounded: Whether the votes alone bound the strengths.
        log_likelihood: Highest log-likelihood of the counts.
        parameters: β of all but the last model, relative to it, and log ν where there are ties.
    """

    strengths: Floats
    ties: float
    bounded: bool
    log_likelihood: float
    parameters: Floats


def fit_strengths(counts: Floats, start: Floats | None = None) -> FittedStrengths:
    """Return the strengths that a table of counts is likeliest with.

    Args:
        counts: Wins, ties and losses of the first of two models, shape (models, models, 3).
        start: Parameters to begin with; equal strengths if None.

    Returns:
        The strengths.

    Raises:
        ResultError: There are no votes, all are ties, or models fall into groups that are never compared.

    Example:
        >>> counts = np.zeros((2, 2, 3))
        >>> counts[0, 1] = 6, 2, 2
        >>> fitted = fit_strengths(counts)
        >>> fitted.strengths.round(3).tolist(), round(fitted.ties, 3)
        ([0.549, -0.549], 0.577)
    """
    from scipy.optimize import minimize

    _check_counts(counts)
    wins = counts[:, :, WINS] + counts[:, :, LOSSES].T
    ties = counts[:, :, TIES] + counts[:, :, TIES].T
    models, tied = len(wins), bool(ties.any())
    bounded = _is_bounded(wins, ties)
    problem = _Likelihood(wins, ties, tied, 0.0 if bounded else _PULL)
    free = models - 1 + tied
    begin = start if start is not None and len(start) == free else np.zeros(free)
    # Newton's steps within a region that is trusted: quadratic near the end, and safe far from it.
    solution = minimize(
        problem.value, begin, jac=problem.gradient, hess=problem.hessian, method="trust-exact", options={"gtol": 1e-9}
    )
    relative = np.append(solution.x[: models - 1], 0.0)
    unpulled = _Likelihood(wins, ties, tied, 0.0)
    return FittedStrengths(
        strengths=relative - relative.mean(),
        ties=float(np.exp(solution.x[-1])) if tied else 0.0,
        bounded=bounded,
        log_likelihood=-float(unpulled.value(solution.x)),
        parameters=solution.x,
    )


def _refit(tables: Floats, start: Floats) -> Floats:
    """Return the strengths of many resampled tables, shape (tables, models); NaN where there are none.

    A few of Newton's steps from the strengths of all votes reach nearly every table's highest likelihood, for all of
    them together. Where they don't, the table is fitted on its own.
    """
    models = tables.shape[1]
    wins = tables[..., WINS] + tables[..., LOSSES].transpose(0, 2, 1)
    ties = tables[..., TIES] + tables[..., TIES].transpose(0, 2, 1)
    pulls = np.array([0.0 if _is_bounded(*table) else _PULL for table in zip(wins, ties, strict=True)])
    first, second = np.triu_indices(models, 1)
    counts = np.stack([wins[:, first, second], ties[:, first, second], wins[:, second, first]], axis=2)
    model = _Likelihood(wins[0], ties[0], len(start) == models, 0.0)
    theta, reached = _newton(model, counts, pulls, start)
    relative = np.pad(theta[:, : models - 1], ((0, 0), (0, 1)))
    strengths: Floats = relative - relative.mean(axis=1, keepdims=True)
    # Where a model is left out, or models fall apart, there is no common scale; the pull alone would make one.
    reached &= np.array([_components(table.sum(axis=2), directed=False) == 1 for table in tables])
    for number in np.flatnonzero(~reached):
        strengths[number] = _alone(tables[number])
    return strengths


def _newton(model: _Likelihood, counts: Floats, pulls: Floats, start: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return parameters of many tables, and whether they are where the likelihood is highest."""
    scores, slopes = model.parts[0], model.slopes
    theta = np.tile(start, (len(counts), 1))
    totals = counts.sum(axis=2)
    for _ in range(_STEPS):
        heights = np.einsum("pak,tk->tpa", scores, theta)
        if not model.tied:
            heights[:, :, TIES] = -np.inf
        chances = np.exp(heights - np.logaddexp.reduce(heights, axis=2, keepdims=True))
        distances = np.tanh(theta @ slopes.T / 2)
        slope = np.einsum("tpa,pak->tk", totals[:, :, None] * chances - counts, scores)
        slope += pulls[:, None] * (distances @ slopes)
        means = np.einsum("tpa,pak->tpk", chances, scores)
        curvature = np.einsum("tpa,pak,pal->tkl", totals[:, :, None] * chances, scores, scores, optimize=True)
        curvature -= np.einsum("tp,tpk,tpl->tkl", totals, means, means, optimize=True)
        curvature += np.einsum("t,tm,mk,ml->tkl", pulls, (1 - distances**2) / 2, slopes, slopes, optimize=True)
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(start)), slope[:, :, None])[:, :, 0]
        theta = theta - np.clip(step, -1, 1)
    # Where nobody ties in a resample, the likelihood is flat in the direction of ties.
    flat = np.linalg.eigvalsh(curvature).min(axis=1) < 1e-4
    reached: NDArray[np.bool_] = (np.abs(slope).max(axis=1) < 1e-6) & ~flat
    return theta, reached


def _alone(table: Floats) -> Floats:
    try:
        return fit_strengths(table).strengths
    except ResultError:
        # A resample may leave a model out; it then says nothing of the strengths.
        return np.full(len(table), np.nan)


def _check_counts(counts: Floats) -> None:
    if not counts.any():
        raise ResultError("There are no votes on pairs yet.")
    if not counts[:, :, [WINS, LOSSES]].any():
        raise ResultError("Every vote is a tie: nothing tells the models apart.")
    if _components(counts.sum(axis=2), directed=False) > 1:
        raise ResultError("Some models are never compared with the others: their strengths have no common scale.")


def _is_bounded(wins: Floats, ties: Floats) -> bool:
    """Return whether every division of the models in two has a win, or a tie, in both directions."""
    return _components(wins + ties, directed=True) == 1


def _components(votes: Floats, directed: bool) -> int:
    """Return into how many groups models fall that votes don't connect; directed, in both directions."""
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(votes, directed=directed, connection="strong")[0])


@dataclass(frozen=True)
class _Likelihood:
    """Minus the log-likelihood of votes, its slope and its curvature.

    Each pair of models is written as three alternatives with scores x·θ; rows of `scores` are the x.
    """

    wins: Floats
    """How often the first beats the second, shape (models, models)."""
    ties: Floats
    """How often the two tie, symmetric."""
    tied: bool
    pull: float

    @cached_property
    def parts(self) -> tuple[Floats, Floats]:
        """Return x of the alternatives, shape (pairs, 3, parameters), and their counts, shape (pairs, 3)."""
        models = len(self.wins)
        first, second = np.triu_indices(models, 1)
        unit = np.eye(models)[:, : models - 1]
        width = models - 1 + self.tied
        scores = np.zeros((len(first), 3, width))
        scores[:, WINS, : models - 1], scores[:, LOSSES, : models - 1] = unit[first], unit[second]
        scores[:, TIES, : models - 1] = (unit[first] + unit[second]) / 2
        if self.tied:
            scores[:, TIES, -1] = 1
        counts = np.stack([self.wins[first, second], self.ties[first, second], self.wins[second, first]], axis=1)
        return scores, counts

    def _alternatives(self, theta: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return x, counts, log-probabilities and probabilities of every pair's alternatives."""
        scores, counts = self.parts
        heights = scores @ theta
        if not self.tied:
            heights[:, TIES] = -np.inf
        logs = heights - np.logaddexp.reduce(heights, axis=1, keepdims=True)
        return scores, counts, logs, np.exp(logs)

    @cached_property
    def slopes(self) -> Floats:
        """How each model's distance from the mean strength changes with the parameters."""
        models = len(self.wins)
        slopes = np.eye(models)[:, : models - 1] - 1 / models
        return np.pad(slopes, ((0, 0), (0, int(self.tied))))

    def value(self, theta: Floats) -> float:
        _, counts, logs, _ = self._alternatives(theta)
        total = -float((counts * np.where(counts > 0, logs, 0.0)).sum())
        if self.pull:
            distances = self.slopes @ theta
            total += self.pull * float((np.logaddexp(0, distances) + np.logaddexp(0, -distances)).sum())
        return total

    def gradient(self, theta: Floats) -> Floats:
        scores, counts, _, chances = self._alternatives(theta)
        misses = counts.sum(axis=1, keepdims=True) * chances - counts
        slope: Floats = np.einsum("pa,pak->k", misses, scores)
        if self.pull:
            slope = slope + self.pull * self.slopes.T @ np.tanh(self.slopes @ theta / 2)
        return slope

    def hessian(self, theta: Floats) -> Floats:
        scores, counts, _, chances = self._alternatives(theta)
        means = np.einsum("pa,pak->pk", chances, scores)
        spread = np.einsum("pa,pak,pal->pkl", chances, scores, scores) - means[:, :, None] * means[:, None, :]
        curvature: Floats = np.einsum("p,pkl->kl", counts.sum(axis=1), spread)
        if self.pull:
            bends = (1 - np.tanh(self.slopes @ theta / 2) ** 2) / 2
            curvature = curvature + self.pull * (self.slopes.T * bends) @ self.slopes
        return curvature
