"""The tables of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .outcome import change_at

if TYPE_CHECKING:
    import pandas as pd

    from .results import StudyResults


def outcome_table(results: StudyResults) -> pd.DataFrame:
    """Return one row per condition: what its runs came to, means over seeds with Student's intervals."""
    import pandas as pd

    rows = []
    for name, outcome in results.outcomes.items():
        change, drop = outcome.change.interval, outcome.drop.interval
        rows.append(
            {
                "condition": name,
                "seeds": len(outcome.seeds),
                "proxy_gain": outcome.proxy_gain.mean,
                "gold_base": outcome.base.mean,
                "gold_end": outcome.end.mean,
                "change": outcome.change.mean,
                "change_low": change[0],
                "change_high": change[1],
                "gain_at_peak": outcome.gain.mean,
                "drop": outcome.drop.mean,
                "drop_low": drop[0],
                "drop_high": drop[1],
                "peak_kl": outcome.peak_kl.mean,
                "end_kl": outcome.end_kl.mean,
                "held_out_change": outcome.held_out_change.mean,
                "over_optimised": outcome.verdicts.count("over-optimised"),
                "ruined": outcome.verdicts.count("ruined"),
                "seconds": float(np.nanmean([*results.seconds[name].values(), np.nan]))
                if any(seconds == seconds for seconds in results.seconds[name].values())
                else float("nan"),
            }
        )
    table: pd.DataFrame = pd.DataFrame(rows)
    return table


def curve_table(results: StudyResults) -> pd.DataFrame:
    """Return one row per run and evaluation: proxy and gold on the test images of training and held-out prompts."""
    import pandas as pd

    rows = []
    for name, runs in results.curves.items():
        for seed, curves in sorted(runs.items()):
            gold, proxy = (curves.part(role).mean(axis=(1, 2)) for role in ("gold", "proxy"))
            held_out = curves.part("gold", held_out=True).mean(axis=(1, 2))
            rows += [
                {
                    "condition": name,
                    "seed": seed,
                    "epoch": int(curves.epochs[position]),
                    "kl": curves.kl[position],
                    "proxy": proxy[position],
                    "gold": gold[position],
                    "gold_held_out": held_out[position],
                }
                for position in range(len(curves.epochs))
            ]
    table: pd.DataFrame = pd.DataFrame(rows)
    return table


def choice_table(results: StudyResults) -> pd.DataFrame:
    """Return one row per entry and n: expected gold and proxy of the best of n, means over seeds and prompts."""
    import pandas as pd

    table: pd.DataFrame = pd.DataFrame(
        [
            {
                "condition": name,
                "n": n,
                "gold": float(choice.gold[:, position].mean()),
                "gold_lowest_seed": float(choice.gold[:, position].min()),
                "gold_highest_seed": float(choice.gold[:, position].max()),
                "proxy": float(choice.proxy[:, position].mean()),
            }
            for name, choice in results.choices.items()
            for position, n in enumerate(choice.n)
        ]
    )
    return table


def entry_table(results: StudyResults) -> pd.DataFrame:
    """Return one row per entry: what is known of it from the base model's images, without training."""
    import pandas as pd

    table: pd.DataFrame = pd.DataFrame(
        [
            {
                "condition": name,
                "auroc": choice.auroc.mean,
                "pooled_auroc": choice.pooled.mean,
                "best_of_n_change": choice.change.mean,
                "best_of_n_drop": choice.drop,
                "best_of_n_peak": choice.peak,
            }
            for name, choice in results.choices.items()
        ]
    )
    return table


def forecast_table(results: StudyResults) -> pd.DataFrame:
    """Return one row per trained entry: what is known of it without training, and what training came to."""
    table, outcomes = entry_table(results), results.outcomes
    trained: pd.DataFrame = table[table["condition"].isin(list(outcomes))].reset_index(drop=True)
    trained["change"] = [outcomes[name].change.mean for name in trained["condition"]]
    trained["drop"] = [outcomes[name].drop.mean for name in trained["condition"]]
    return trained


def equal_distance_table(results: StudyResults, numbers: Sequence[int] = (12, 120)) -> pd.DataFrame:
    """Return one row per trained condition and n: change of gold by training at the KL of the best of n, and by that.

    Training's is the path KL without the last two steps, another quantity: the two are alike in number only.

    Args:
        results: Results of the runs that are done.
        numbers: Values of n, among those that the entries' choices have.
    """
    import pandas as pd

    from ..bon.divergence import best_of_n_kl

    rows = []
    for name, runs in results.curves.items():
        choice = results.choices.get(name)
        for n in numbers:
            kl = float(best_of_n_kl(n))
            training = change_at(runs, kl)
            low, high = training.interval
            rows.append(
                {
                    "condition": name,
                    "n": n,
                    "kl": kl,
                    "best_of_n_change": float("nan") if choice is None else choice.change_at(n).mean,
                    "seeds": len(training.values),
                    "training_change": training.mean if training.values else float("nan"),
                    "training_low": low,
                    "training_high": high,
                }
            )
    table: pd.DataFrame = pd.DataFrame(rows)
    return table


def rank_correlation(table: pd.DataFrame, static: str, outcome: str) -> tuple[float, float]:
    """Return Spearman's ρ between a static figure and an outcome over conditions, and its exact-by-permutation p-value.

    Args:
        table: Rows as `forecast_table` returns them.
        static: A column that is known without training.
        outcome: A column of what training came to.

    Returns:
        ρ, and the share of 10,000 seeded permutations with a correlation at least as far from 0; NaN for fewer than
        four conditions.
    """
    from scipy import stats

    if len(table) < 4:
        return float("nan"), float("nan")
    # Shuffling changes no rank, so that ranks are taken once; the sums of halves are exact, which keeps ties ties.
    ranks, other = (stats.rankdata(table[column]) - (len(table) + 1) / 2 for column in (static, outcome))
    length = np.sqrt((ranks**2).sum() * (other**2).sum())
    test = stats.permutation_test(
        (ranks,),
        lambda x, axis: (x * other).sum(axis=axis) / length,
        vectorized=True,
        permutation_type="pairings",
        n_resamples=10_000,
        rng=np.random.default_rng(0),
    )
    return float(test.statistic), float(test.pvalue)
