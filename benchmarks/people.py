"""Coverage of win rates, errors of continuous looking, and promises of plans, over many simulated studies.

    python benchmarks/people.py [STUDIES]

Votes come from a model that none of the estimators assumes: a logistic rater with effects of prompts and raters, who
ties what is nearly alike. Takes about five minutes with 4,000 studies.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "project"))

from simulated_pairs import simulated_worths, true_rate

from tia2.people.comparing.clustered import Components, clustered_mean
from tia2.people.comparing.planning import plan_for
from tia2.people.comparing.sequence import confidence_sequence


def crossed(prompts: int, raters: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.meshgrid(np.arange(prompts), np.arange(raters), indexing="ij")
    return rows.ravel(), columns.ravel()


def coverage(studies: int) -> None:
    print("prompts raters  mean  sd of raters  true rate  coverage  over prompts alone  median half-width")
    for (prompts, raters), mean, of_raters in product(((20, 3), (20, 5), (100, 5), (200, 3)), (0, 1), (0, 0.2, 0.4)):
        rng = np.random.default_rng([prompts, raters, mean, int(10 * of_raters)])
        rows, columns = crossed(prompts, raters)
        truth = true_rate(mean, 1.0, of_raters)
        inside, alone, widths = [], [], []
        for study in simulated_worths(rng, (studies, prompts, raters), mean, 1.0, of_raters):
            both = clustered_mean(study.ravel(), rows, columns, bounds=(0.0, 1.0))
            single = clustered_mean(study.ravel(), rows, 0 * columns, bounds=(0.0, 1.0))
            inside.append(both.low <= truth <= both.high)
            alone.append(single.low <= truth <= single.high)
            widths.append((both.high - both.low) / 2)
        print(
            f"{prompts:7} {raters:6} {mean:5} {of_raters:13} {truth:10.3f} {np.mean(inside):9.1%} "
            f"{np.mean(alone):19.1%} {np.median(widths):18.3f}"
        )


def looking(studies: int) -> None:
    for raters in (1, 3):
        means = simulated_worths(np.random.default_rng(raters), (studies, 200, raters), 0, 1.0, 0).mean(axis=2)
        low, high = confidence_sequence(means, points=201)
        wrong = ((low > 0.5) | (high < 0.5)).any(axis=1).mean()
        counts = np.arange(1, 201)
        running = means.cumsum(axis=1) / counts
        errors = np.sqrt(((means**2).cumsum(axis=1) / counts - running**2) / counts)
        naive = (np.abs(running - 0.5) > 1.96 * errors)[:, 9:].any(axis=1).mean()
        print(f"equal models, {raters} raters, 200 looks: wrong {wrong:.1%}, by intervals for one look {naive:.1%}")


def promises(studies: int) -> None:
    components = Components(prompts=0.04, raters=0.003, votes=0.12)
    for prompts, raters in ((20, 3), (60, 5), (100, 3), (200, 5)):
        rng = np.random.default_rng(prompts)
        rows, columns = crossed(prompts, raters)
        widths = []
        for _ in range(studies):
            votes = 0.6 + 0.2 * rng.normal(size=(prompts, 1)) + 0.003**0.5 * rng.normal(size=(1, raters))
            votes = votes + 0.12**0.5 * rng.normal(size=(prompts, raters))
            interval = clustered_mean(votes.ravel(), rows, columns)
            widths.append((interval.high - interval.low) / 2)
        planned = plan_for(prompts, raters, components).half_width
        print(f"{prompts} prompts, {raters} raters: planned ±{planned:.4f}, median ±{np.median(widths):.4f}")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    coverage(number)
    looking(number // 2)
    promises(number // 2)
