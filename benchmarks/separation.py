"""How often a board claims what isn't so, and how much it finds: entries against the best, and all pairs by letters.

Run `python benchmarks/separation.py` (`--help` for sizes). It simulates boards in which the truth is known: models of
differing mean, whose figures share each prompt's difficulty, are skewed and lie between 0 and 1 as AUROC does; each has
variants that resemble it. It reports, for

    from the best   `tia2.evaluation.comparing.from_reference`: one family of models, variants nested, as boards use it;
    letters         step-down max-T over all pairs of rows, as `tia2.evaluation.separate` gives them;

the share of boards with a false claim about the best (the family-wise error; at most 6 % is wanted at a level of 5 %),
the power (the share of entries truly worse than the best that are said to be), how both change when twenty equal
junk models join at the bottom, and the seconds that a board of a thousand models takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tia2.evaluation.comparing.from_reference import p_from_reference
from tia2.evaluation.comparing.separation import EXACT, separation
from tia2.evaluation.comparing.simultaneous import LEVEL, Stratum

Floats = NDArray[np.float64]
SUBSETS = {"comprehensive": 84, "counting": 146, "composition": 295}
JUNK = 20


@dataclass(frozen=True)
class Truth:
    """A board whose models' true means are known.

    Attributes:
        name: Name in the report.
        quality: Mean of each model on a latent scale; equal ones are equal.
        variants: Number of rows of each model; all are as good as it.
    """

    name: str
    quality: tuple[float, ...]
    variants: int = 1


TRUTHS = (
    Truth("10 equal models", (0.0,) * 10),
    Truth("30 equal models", (0.0,) * 30),
    Truth("8 equal models of 3 variants", (0.0,) * 8, 3),
    Truth("5 equal at the top, 10 pairs below", (0.0,) * 5 + tuple(-0.1 * (1 + k // 2) for k in range(20))),
    Truth("a ladder of 20 models", tuple(-0.03 * k for k in range(20))),
)


def board(truth: Truth, subsets: dict[str, int], rng: np.random.Generator) -> tuple[list[Stratum], NDArray[np.intp]]:
    """Return the figures of a board's rows on each subset, and the model of each row."""
    models = np.repeat(np.arange(len(truth.quality)), truth.variants)
    quality = np.array(truth.quality)[models]
    strata = []
    for subset, prompts in subsets.items():
        difficulty = rng.normal(size=prompts)
        own = rng.normal(size=(len(truth.quality), prompts))[models]
        noise = rng.normal(size=(len(models), prompts))
        # Between rows of a model 0.85 of what two models don't share is common.
        latent = 0.9 * difficulty + 0.7 * np.sqrt(0.85) * own + 0.7 * np.sqrt(0.15) * noise + quality[:, None]
        strata.append(Stratum(subset, 1 / (1 + np.exp(-1.2 - latent))))
    return strata, models


def from_best(strata: list[Stratum], models: NDArray[np.intp], resamples: int) -> tuple[int, NDArray[np.bool_]]:
    """Return the best row, and which rows are said to be worse."""
    means = np.mean([part.figures.mean(axis=1) for part in strata], axis=0)
    order = np.argsort(-means, kind="stable")
    best = int(order[0])
    first = {int(models[row]): int(row) for row in reversed(order)}
    family = [row for model, row in first.items() if model != models[best]]
    others = [int(row) for row in order[1:] if row not in family]
    p = p_from_reference(strata, best, family, others, resamples, 0)
    return best, p <= LEVEL


def by_letters(strata: list[Stratum], resamples: int) -> tuple[int, NDArray[np.bool_]]:
    """Return the best row, and which rows share no letter with it."""
    standing = separation(strata, resamples, 0)
    best = int(np.argmin(standing.rank))
    return best, np.array([not set(letters) & set(standing.group[best]) for letters in standing.group])


def with_junk(truth: Truth) -> Truth:
    """Return a board with equal models below all others."""
    return Truth(truth.name, (*truth.quality, *[-2.0] * JUNK), truth.variants)


def simulate(truth: Truth, subsets: dict[str, int], boards: int, resamples: int) -> Iterator[tuple[str, float, float]]:
    """Yield a procedure's name, the share of boards with a false claim about the best, and its power."""
    runs = {"from the best": (truth, True), "from the best, with junk": (with_junk(truth), True)}
    runs |= {"letters": (truth, False)}
    if len(truth.quality) * truth.variants + JUNK * truth.variants <= EXACT:
        runs["letters, with junk"] = (with_junk(truth), False)
    for name, (of, new) in runs.items():
        false, shares = 0, []
        for number in range(boards):
            strata, models = board(of, subsets, np.random.default_rng([7, number]))
            best, worse = from_best(strata, models, resamples) if new else by_letters(strata, resamples)
            quality = np.array(of.quality)[models]
            truly = (quality < quality[best]) & (quality > -2)
            false += bool((worse & (quality >= quality[best])).any())
            if truly.any():
                shares.append(worse[truly].mean())
        yield name, false / boards, float(np.mean(shares)) if shares else float("nan")


def seconds(models: int, spread: float, resamples: int) -> float:
    """Return how long a board of so many models takes."""
    rng = np.random.default_rng(0)
    truth = Truth("", tuple(spread * rng.normal(size=models)))
    strata, of = board(truth, SUBSETS, rng)
    began = time.perf_counter()
    from_best(strata, of, resamples)
    return time.perf_counter() - began


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--boards", type=int, default=1000, help="Number of boards of each kind.")
    parser.add_argument("--resamples", type=int, default=2000, help="Number of resamples.")
    parser.add_argument("--small", action="store_true", help="Use a single subset of 40 prompts.")
    parser.add_argument("--models", type=int, default=1000, help="Number of models of the board that is timed.")
    given = parser.parse_args()
    subsets = {"small": 40} if given.small else {"comprehensive": SUBSETS["comprehensive"]}
    print(f"{'board':40} {'procedure':26} {'false claim':>11} {'power':>7}")
    for truth in TRUTHS:
        for name, error, power in simulate(truth, subsets, given.boards, given.resamples):
            print(f"{truth.name:40} {name:26} {error:11.1%} {power:7.1%}", flush=True)
    for spread in (0.0, 0.1, 0.5):
        print(f"{given.models} models, spread {spread}: {seconds(given.models, spread, 10_000):.2f} s")


if __name__ == "__main__":
    main()
