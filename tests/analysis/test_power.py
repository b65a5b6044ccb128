"""How many prompts a difference needs, against integration, simulation and the test that `compare` performs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from sklearn.metrics import roc_auc_score

from tia2.analysis import power
from tia2.analysis._power import MEDIAN, detectable, paired_power, prompts_needed
from tia2.calibration import TextNorm
from tia2.errors import ResultError, UnknownNameError
from tia2.evaluation.comparing.simultaneous import Stratum, differences


def _integrated(difference, sd, prompts, level=0.05):
    """Power by integrating over the standard deviation that the sample may have."""
    freedom, shift = prompts - 1, difference * prompts**0.5 / sd
    t = stats.t.ppf(1 - level / 2, freedom)

    def given(s):
        cut = t * s / freedom**0.5
        return (stats.norm.sf(cut - shift) + stats.norm.cdf(-cut - shift)) * stats.chi.pdf(s, freedom)

    middle = freedom**0.5
    return quad(given, max(0, middle - 9), middle + 9, limit=400)[0]


@pytest.mark.parametrize("level", [0.05, 0.01])
@pytest.mark.parametrize("prompts", [2, 3, 10, 59, 300])
def test_power_is_that_of_the_noncentral_t(prompts, level):
    for difference in (0.0, 0.1, 0.3, 1.0, 4.0):
        found = float(paired_power(difference, 1.3, prompts, level))
        assert found == pytest.approx(_integrated(difference, 1.3, prompts, level), abs=1e-7)
    assert float(paired_power(0.0, 1.3, prompts, level)) == pytest.approx(level)


def test_known_values():
    # G*Power 3.1, difference between two dependent means, two tails, α = 0.05.
    assert prompts_needed([0.2, 0.5, 0.8], 1.0, 0.8).tolist() == [199, 34, 15]
    assert prompts_needed([0.2, 0.5, 0.8], 1.0, 0.95).tolist() == [327, 54, 23]


def test_needed_prompts_are_the_fewest():
    for difference in (0.011, 0.02, 0.07, 0.4, 3.0):
        for share in (0.8, 0.9):
            needed = int(prompts_needed(difference, 0.2, share))
            assert paired_power(difference, 0.2, needed) >= share
            assert needed == 2 or paired_power(difference, 0.2, needed - 1) < share


def test_detectable_difference_is_found_with_the_power():
    prompts = np.array([2, 3, 19, 146, 295, 5000])
    for share in (0.5, 0.8, 0.9):
        found = detectable(0.17, prompts, share)
        assert paired_power(found, 0.17, prompts) == pytest.approx(np.full(6, share), abs=1e-9)
        assert (np.diff(found) < 0).all()


def test_entries_that_never_differ_need_no_more_than_two_prompts():
    assert prompts_needed([0.01, 0.05], 0.0).tolist() == [2, 2]
    assert float(detectable(0.0, 10)) == 0.0
    assert paired_power([0.0, 0.01, 0.01], [0.0, 0.0, 1e-200], 5).tolist() == pytest.approx([0.05, 1.0, 1.0])


def _simulated(draw, prompts, trials=400, resamples=400):
    """How often the test that `compare` performs claims a difference."""
    rng = np.random.default_rng(5)
    found = 0
    for seed in range(trials):
        gaps = draw(rng, prompts)
        found += differences([Stratum("s", np.stack([gaps, np.zeros(prompts)]))], resamples, seed=seed).p[0] <= 0.05
    return found / trials


def test_the_test_of_compare_has_this_power_with_normal_differences():
    found = _simulated(lambda rng, n: rng.normal(0.03, 0.1, n), 60)
    assert found == pytest.approx(float(paired_power(0.03, 0.1, 60)), abs=0.07)


def _aurocs(rng, prompts):
    """Figures of two correlated models on prompts of differing difficulty."""
    gaps = []
    for _ in range(prompts):
        labels = rng.permutation(20) < rng.integers(4, 17)
        quality = rng.normal(0.3 + rng.random(), 0.2) * labels
        shared = rng.normal(size=20)
        one, two = (shared + quality * lift + 0.7 * rng.normal(size=20) for lift in (1.3, 1.0))
        gaps.append(roc_auc_score(labels, one) - roc_auc_score(labels, two))
    return np.array(gaps)


@pytest.mark.slow
def test_the_test_of_compare_has_this_power_with_differences_of_auroc():
    population = _aurocs(np.random.default_rng(0), 300)
    population += 0.02 - population.mean()
    prompts = int(prompts_needed(0.02, population.std(), 0.8))
    found = _simulated(lambda rng, n: rng.choice(population, n), prompts)
    assert found == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("calibration", [None, TextNorm()])
def test_the_table_is_made_of_the_differences_between_prompts(tables_of, calibration):
    tables = tables_of()
    frame = power(tables, calibration=calibration, differences=(0.05, 0.01)).table.set_index(["subset", "a", "b"])
    figures = {}
    for table in tables:
        values = table.raw if calibration is None else calibration.apply([table]).values
        for _, rows in table.items.groupby("prompt_id", sort=False):
            if rows["label"].nunique() == 2:
                found = roc_auc_score(rows["label"], values[rows.index])
                figures.setdefault((table.name, rows["subset"].iloc[0]), []).append(found)
    for a, b in combinations([table.name for table in tables], 2):
        gaps = {s: np.subtract(figures[a, s], figures[b, s]) for s in ("counting", "composition")}
        for subset, gap in gaps.items():
            row = frame.loc[(subset, a, b)]
            expected = [gap.std(ddof=1), gap.mean(), len(gap)]
            assert row[["sd", "difference", "prompts"]].tolist() == pytest.approx(expected)
            assert row["prompts_0.05_80"] == prompts_needed(0.05, expected[0])
            assert row["prompts_0.01_90"] == prompts_needed(0.01, expected[0], 0.9)
            assert paired_power(row["detectable"], row["sd"], len(gap)) == pytest.approx(0.8)
        row = frame.loc[("overall", a, b)]
        # The standard error that the formula promises for these prompts is the one of the mean of the subsets.
        error = np.sqrt(sum(gap.var(ddof=1) / len(gap) for gap in gaps.values())) / 2
        assert row["sd"] / np.sqrt(row["prompts"]) == pytest.approx(error)
        assert row["difference"] == pytest.approx(np.mean([gap.mean() for gap in gaps.values()]))
    for subset, rows in frame.groupby("subset"):
        pairs, middle = rows[rows["pair"] != MEDIAN], rows[rows["pair"] == MEDIAN].iloc[0]
        assert middle["sd"] == pytest.approx(pairs["sd"].median()), subset


def test_what_it_says_and_draws(tables_of, tmp_path):
    made = power(tables_of(names=("one", "two")), metric="kendall")
    row = made.table.query("subset == 'overall' and pair == @MEDIAN").iloc[0]
    assert made.findings[0].startswith(
        f"With its {row['prompts']} prompts, overall shows differences of {row['detectable']:.3f} Kendall τ-b or more"
    )
    assert [panel.title.split(" (")[0] for panel in made.figure.panels] == ["counting", "composition", "overall"]
    assert set(made.shown) <= set(made.table)
    assert len(made.save(tmp_path)) == 3


def test_what_is_refused(tables_of, toy, rewards_of, table_of):
    tables = tables_of()
    with pytest.raises(ResultError, match="at least 2 score tables, got 1"):
        power(tables[:1])
    with pytest.raises(ResultError, match="Expected differences above 0, got"):
        power(tables, differences=(0.01, -0.02))
    with pytest.raises(ResultError, match="level must be between 0 and 1, got 5"):
        power(tables, level=5)
    with pytest.raises(UnknownNameError, match="metric"):
        power(tables, metric="accuracy")
    items = toy()
    control = table_of(items, rewards_of(items, seed=9), "look", kind="control")
    with pytest.raises(ResultError, match="look scores the image alone"):
        power([tables[0], control], calibration=TextNorm())
