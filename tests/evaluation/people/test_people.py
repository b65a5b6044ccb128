"""How well people agree: alpha, one annotator, the noise ceiling, and all of them by subset."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from tia2.benchmark.votes import human_scores, labels
from tia2.errors import ResultError
from tia2.evaluation import METRICS
from tia2.evaluation.people import annotator as annotators
from tia2.evaluation.people import ceiling
from tia2.evaluation.people.agreement import alpha_part, combine_agreement, krippendorff_alpha
from tia2.evaluation.people.annotator import annotator_part
from tia2.evaluation.people.ceiling import ceiling_part
from tia2.evaluation.people.estimates import combine_figures
from tia2.evaluation.people.reference_rows import people

NAMES = list(METRICS)


def table(votes, subset="a"):
    """Items from votes by prompt."""
    rows = [(subset, f"{subset}/{n}", f"{subset} {n}", item) for n, prompt in enumerate(votes) for item in prompt]
    frame = pd.DataFrame(rows, columns=["subset", "prompt_id", "prompt", "votes"])
    frame["human_score"] = human_scores(frame["votes"])
    frame["label"] = labels(frame["human_score"])
    return frame


def random_votes(seed, prompts=6, items=9, most=4, least=2):
    rng = np.random.default_rng(seed)
    return [
        [
            rng.choice([1, 0, -1], rng.integers(least, most + 1), p=[0.5, 0.4, 0.1]).tolist()
            for _ in range(rng.integers(items - 3, items + 1))
        ]
        for _ in range(prompts)
    ]


def worths_of(votes):
    width = max(len(prompt) for prompt in votes)
    most = max(len(item) for prompt in votes for item in prompt)
    worths = np.full((len(votes), width, most), np.nan)
    for n, prompt in enumerate(votes):
        for i, item in enumerate(prompt):
            worths[n, i, : len(item)] = [0.5 if vote == -1 else vote for vote in item]
    return worths


def alpha_by_hand(votes):
    """Krippendorff's definition, pair by pair."""
    units = [[0.5 if vote == -1 else vote for vote in item] for prompt in votes for item in prompt]
    units = [unit for unit in units if len(unit) > 1]
    n = sum(len(unit) for unit in units)
    observed = sum((a - b) ** 2 / (len(unit) - 1) for unit in units for a in unit for b in unit) / n
    pool = [vote for unit in units for vote in unit]
    expected = sum((a - b) ** 2 for a in pool for b in pool) / (n * (n - 1))
    return 1 - observed / expected


def beta_votes(rng, prompts, items=50, votes=3):
    """Vote probabilities of images, and votes: the mean and the correlation differ by prompt."""
    mean, total = rng.beta(1.2, 1.6, (prompts, 1)), 1 / rng.beta(3, 3, (prompts, 1)) - 1
    chance = rng.beta(mean * total, (1 - mean) * total, (prompts, items))
    return chance, (rng.random((prompts, items, votes)) < chance[:, :, None]).astype(float)


def used(worths):
    aligned = worths.mean(axis=2) > 0.5
    return aligned.any(axis=1) & ~aligned.all(axis=1)


class TestAlpha:
    def test_published_values(self):
        nan = np.nan
        observers = [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
        assert krippendorff_alpha(np.array([np.transpose(observers)])) == pytest.approx(0.849, abs=0.0005)
        two = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
        assert krippendorff_alpha(np.array([np.transpose(two)], float)) == pytest.approx(0.095, abs=0.0005)

    @pytest.mark.parametrize("seed", range(5))
    def test_against_the_definition(self, seed):
        votes = random_votes(seed, least=1)
        assert krippendorff_alpha(worths_of(votes)) == pytest.approx(alpha_by_hand(votes), abs=1e-12)

    def test_resamples_are_those_of_whole_prompts(self):
        from tia2.evaluation.bootstrap import resample_counts

        votes = random_votes(1)
        part = alpha_part("a", worths_of(votes), 3, 20)
        for counts, alpha in zip(resample_counts(len(votes), 20, 3, "a"), part.resampled, strict=True):
            drawn = [prompt for prompt, count in zip(votes, counts, strict=True) for _ in range(int(count))]
            assert alpha == pytest.approx(alpha_by_hand(drawn), abs=1e-12)

    def test_what_prompts_add_is_the_slope_of_alpha(self):
        votes = random_votes(2)
        part = alpha_part("a", worths_of(votes), 0, 10)
        more = krippendorff_alpha(worths_of(votes * 300 + votes[:1])) - krippendorff_alpha(worths_of(votes * 300))
        assert more * 300 * len(votes) == pytest.approx(part.figures[0] - part.alpha, rel=0.05, abs=0.01)

    def test_all_votes_equal(self):
        found = combine_agreement([alpha_part("a", np.ones((4, 5, 3)), 0, 50)])
        assert np.isnan([found.alpha, found.low, found.high]).all()

    def test_a_subset_without_alpha_is_in_no_mean(self):
        defined = alpha_part("a", worths_of(random_votes(0)), 0, 50)
        constant = alpha_part("b", np.ones((4, 5, 3)), 0, 50)
        assert combine_agreement([defined, constant]) == combine_agreement([defined])

    def test_wrong_shape(self):
        with pytest.raises(ResultError, match=r"shape \(prompts, items, votes\), got \(2, 3\)"):
            krippendorff_alpha(np.ones((2, 3)))


class TestAnnotator:
    @pytest.mark.parametrize("most", [2, 3])
    def test_against_every_way_to_hold_out_a_vote(self, reference, most):
        votes = [[[1, 1, 0][:most], [0, 0, 1][:most], [1, 1], [-1, 1, 1][:most]], [[1, 1, 1][:most], [0, 0], [0, 1]]]
        for n, prompt in enumerate(votes):
            ways = []
            for places in product(*(range(len(item)) for item in prompt)):
                values = [0.5 if item[place] == -1 else item[place] for item, place in zip(prompt, places, strict=True)]
                others = [item[:place] + item[place + 1 :] for item, place in zip(prompt, places, strict=True)]
                human = human_scores(others)
                found = reference([labels(human)], [human], [np.array(values, float)])
                if 0 < labels(human).sum() < len(human):
                    ways.append([np.nan_to_num(found[name][0]) for name in NAMES])
            part = annotator_part("a", worths_of(votes), np.array([True, True]), 0, 10, shuffles=1500)
            assert part.figures[n] == pytest.approx(np.mean(ways, axis=0), abs=0.03)

    def test_chance(self):
        coin = np.random.default_rng(0).integers(0, 2, (200, 50, 3)).astype(float)
        found = combine_figures([annotator_part("a", coin, used(coin), 0, 200)])
        assert found["auroc"].low < 0.5 < found["auroc"].high
        assert found["spearman"].mean == pytest.approx(0, abs=0.03)
        assert found["auroc"].pooled == pytest.approx(0.5, abs=0.01)

    def test_a_wide_prompt_among_narrow_ones(self, monkeypatch):
        votes = np.random.default_rng(2).integers(0, 2, (40, 30, 3)).astype(float)
        votes[:, :15, 1:] = votes[:, :15, :1]
        uneven = np.full((41, 900, 3), np.nan)
        uneven[:40, :30], uneven[40] = votes, votes[:30].reshape(-1, 3)
        apart = annotator_part("a", uneven, used(uneven), 0, 200)
        monkeypatch.setattr(annotators, "WIDE", 900)
        together = annotator_part("a", uneven, used(uneven), 0, 200)
        assert apart.figures.shape == together.figures.shape
        assert apart.figures.mean(axis=0) == pytest.approx(together.figures.mean(axis=0), abs=0.02)
        assert apart.pooled == pytest.approx(together.pooled, abs=0.02)

    def test_order_of_votes_means_nothing(self):
        worths = worths_of(random_votes(9))
        every = np.full(len(worths), True)
        first, turned = (annotator_part("a", votes, every, 0, 10) for votes in (worths, worths[:, :, ::-1]))
        np.testing.assert_array_equal(first.figures, turned.figures)
        np.testing.assert_array_equal(first.pooled, turned.pooled)

    def test_a_single_vote(self):
        with pytest.raises(ResultError, match="at least two"):
            annotator_part("a", np.ones((2, 3, 1)), np.array([True, True]), 0, 10)


class TestCeiling:
    def test_wide_prompts_cost_less_and_say_the_same(self, monkeypatch):
        """Fewer simulated prompts, each with more items; and a wide prompt among narrow ones."""
        _, votes = beta_votes(np.random.default_rng(1), 40)
        wide = np.concatenate([votes[start : start + 10].reshape(1, -1, 3) for start in range(0, 40, 10)])
        uneven = np.full((31, wide.shape[1], 3), np.nan)
        uneven[:30, : votes.shape[1]], uneven[30] = votes[:30], wide[0]
        for worths in (wide, uneven):
            exact = ceiling_part("a", worths, used(worths), 0, 200)
            monkeypatch.setattr(ceiling, "WIDE", 60)
            fewer = ceiling_part("a", worths, used(worths), 0, 200)
            monkeypatch.undo()
            assert fewer.figures.mean(axis=0) == pytest.approx(exact.figures.mean(axis=0), abs=0.01)
            assert fewer.pooled == pytest.approx(exact.pooled, abs=0.02)

    def test_finds_a_known_truth(self):
        rng = np.random.default_rng(0)
        chance, votes = beta_votes(rng, 6000)
        mask = np.ones(chance.shape, bool)
        truth = np.nanmean(ceiling.measured(votes.mean(axis=2), chance, mask), axis=0)
        estimates = []
        for start in range(0, 600, 150):
            sample = votes[start : start + 150]
            estimates.append(combine_figures([ceiling_part("a", sample, used(sample), 0, 500)]))
        means = np.array([[found[name].mean for name in NAMES] for found in estimates])
        assert means.mean(axis=0) == pytest.approx(truth, abs=0.015)
        assert sum(found["auroc"].low < truth[0] < found["auroc"].high for found in estimates) >= 3
        human, value = votes[:300].mean(axis=2).reshape(1, -1), chance[:300].reshape(1, -1)
        flat = ceiling.measured(human, value, np.ones(value.shape, bool))
        assert estimates[0]["auroc"].pooled == pytest.approx(flat[0, 0], abs=0.01)

    def test_a_coin_has_no_ceiling_above_chance(self):
        coin = np.random.default_rng(1).integers(0, 2, (200, 50, 3)).astype(float)
        found = combine_figures([ceiling_part("a", coin, used(coin), 0, 200)])
        assert found["auroc"].mean < 0.56

    def test_more_votes_an_item_raise_it(self):
        rng = np.random.default_rng(2)
        few, many = (beta_votes(rng, 100, votes=votes)[1] for votes in (3, 15))
        low, high = (combine_figures([ceiling_part("a", votes, used(votes), 0, 50)]) for votes in (few, many))
        assert high["spearman"].mean > low["spearman"].mean + 0.05

    def test_what_prompts_add_is_the_slope_of_the_fit(self):
        _, votes = beta_votes(np.random.default_rng(3), 8)
        likelihood = ceiling._likelihood(np.full((8, 50), 3), votes.sum(axis=2).astype(int))
        slope = np.random.default_rng(4).normal(size=(likelihood.shape[1], 2))
        ones = np.ones(len(likelihood))
        found = ceiling._influence(likelihood, ceiling._fit(likelihood, ones), slope, ones)
        assert found.sum(axis=0) == pytest.approx(np.zeros(2), abs=1e-9)
        repeated = np.tile(likelihood, (400, 1))
        rows = (repeated, np.vstack([repeated, likelihood[:1]]))
        before, after = (ceiling._fit(row, np.ones(len(row)))[-1] @ slope for row in rows)
        assert (after - before) * len(repeated) == pytest.approx(found[0], rel=0.02, abs=0.01)

    def test_prompts_with_the_same_votes_are_fitted_together(self, monkeypatch):
        _, votes = beta_votes(np.random.default_rng(5), 400)
        votes = votes[:, :4]
        patterns = {tuple(sorted(prompt)) for prompt in votes.sum(axis=2).tolist()}
        apart = ceiling_part("a", votes, used(votes), 0, 50)
        monkeypatch.setattr(ceiling, "MANY", 100)
        fitted = []
        fit = ceiling._fit
        monkeypatch.setattr(ceiling, "_fit", lambda rows, counts: fitted.append(counts) or fit(rows, counts))
        together = ceiling_part("a", votes, used(votes), 0, 50)
        assert (len(fitted[0]), fitted[0].sum()) == (len(patterns), 400)
        assert len(patterns) <= 35
        for figure in ("figures", "means", "pooled"):
            np.testing.assert_allclose(getattr(apart, figure), getattr(together, figure), rtol=1e-8, atol=1e-10)

    def test_without_a_prompt_whose_labels_differ(self):
        found = combine_figures([ceiling_part("a", np.ones((4, 5, 3)), np.full(4, False), 0, 10)])
        assert np.isnan([found["auroc"].mean, found["auroc"].low, found["auroc"].high]).all()

    def test_other_worths(self):
        with pytest.raises(ResultError, match=r"0, 0\.5 or 1"):
            ceiling_part("a", np.full((1, 2, 2), 0.7), np.array([True]), 0, 10)


class TestPeople:
    def test_none_without_votes(self):
        items = table(random_votes(0))
        assert people(items.drop(columns="votes"), 0, 10) is None
        for missing in ([], None, [1]):
            fewer = items.copy()
            fewer.at[3, "votes"] = missing
            assert people(fewer, 0, 10) is None
        assert people(items.iloc[:0], 0, 10) is None

    def test_subsets_in_order_and_overall(self):
        items = pd.concat([table(random_votes(1), "b"), table(random_votes(2), "a")], ignore_index=True)
        found = people(items, 0, 100)
        assert list(found) == ["b", "a", "overall"]
        for rows in ("annotator", "ceiling"):
            for name in METRICS:
                b, a, overall = (getattr(found[subset], rows)[name] for subset in found)
                assert overall.mean == pytest.approx((a.mean + b.mean) / 2)
                assert overall.pooled == pytest.approx((a.pooled + b.pooled) / 2)
                assert overall.low < overall.mean < overall.high
        assert found["overall"].agreement.alpha == pytest.approx(
            (found["a"].agreement.alpha + found["b"].agreement.alpha) / 2
        )
        assert list(people(table(random_votes(2)), 0, 100)) == ["a"]

    def test_order_of_votes_and_of_prompts_means_nothing(self):
        votes = random_votes(3, prompts=12)
        items = table(votes)
        turned = table([[item[::-1] for item in prompt] for prompt in votes])
        assert people(turned, 0, 100) == people(items, 0, 100)
        by_prompt = [group for _, group in items.groupby("prompt_id", sort=False)]
        assert people(pd.concat(by_prompt[::-1], ignore_index=True), 0, 100) == people(items, 0, 100)

    def test_votes_as_arrays(self):
        items = table(random_votes(4))
        arrays = items.assign(votes=[np.array(item, np.int8) for item in items["votes"]])
        assert people(arrays, 0, 100) == people(items, 0, 100)

    def test_kept_for_the_next_entry_but_not_for_other_seeds(self):
        items = table(random_votes(5))
        first = people(items, 0, 100)
        assert people(items.copy(), 0, 100)["a"] is first["a"]
        assert people(items, 1, 100) != first
        changed = items.copy()
        changed.at[0, "votes"] = [0, 0] if changed.at[0, "votes"] != [0, 0] else [1, 0]
        assert people(changed, 0, 100) != first

    def test_unanimous(self):
        found = people(table([[[1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]] * 5] * 20), 0, 100)["a"]
        assert (found.agreement.alpha, found.agreement.low, found.agreement.high) == (1.0, 1.0, 1.0)
        for name in METRICS:
            assert found.annotator[name].mean == found.annotator[name].pooled == 1.0
            assert found.ceiling[name].mean == pytest.approx(1, abs=0.01)

    def test_constant(self):
        found = people(table([[[1, 1], [1, 1, 1]]] * 5), 0, 100)["a"]
        assert np.isnan(found.agreement.alpha)
        assert np.isnan([found.annotator["auroc"].mean, found.ceiling["auroc"].mean]).all()

    def test_a_single_prompt_has_no_interval(self):
        found = people(table(random_votes(6, prompts=1)), 0, 100)["a"]
        for figure in (found.agreement, found.annotator["auroc"], found.ceiling["auroc"]):
            assert np.isnan([figure.low, figure.high]).all()
        assert 0 < found.annotator["auroc"].mean < 1

    @pytest.mark.parametrize("vote", [2, 0.5, "yes"])
    def test_unknown_votes(self, vote):
        items = table(random_votes(7))
        items.at[0, "votes"] = [vote, vote]
        with pytest.raises(ResultError, match="Expected votes of 1"):
            people(items, 0, 10)

    def test_the_global_random_state_is_left_alone(self):
        np.random.seed(0)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        people(table(random_votes(8)), 0, 10)
        np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.slow
def test_coverage():
    rng = np.random.default_rng(0)
    chance, votes = beta_votes(rng, 20_000)
    truth = np.nanmean(ceiling.measured(votes.mean(axis=2), chance, np.ones(chance.shape, bool)), axis=0)
    alpha = krippendorff_alpha(votes)
    ceilings, alphas = [], []
    for number in range(60):
        _, votes = beta_votes(rng, 100)
        found = combine_figures([ceiling_part("a", votes, used(votes), number, 500)])
        ceilings.append([found[name].low <= truth[place] <= found[name].high for place, name in enumerate(NAMES)])
    for number in range(500):
        part = combine_agreement([alpha_part("a", beta_votes(rng, 20, items=20)[1], number, 500)])
        alphas.append(part.low <= alpha <= part.high)
    assert np.mean(ceilings, axis=0).min() > 0.85
    assert np.mean(ceilings) > 0.9
    assert 0.9 < np.mean(alphas) < 0.98


@pytest.mark.upstream
def test_released_votes(tia2_dir, tmp_path_factory):
    import datasets

    from tia2.benchmark import load

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("hf"))
        found = people(load("all", data_dir=tia2_dir).items, 0, 2_000)
    expected = {  # alpha, and AUROC of one annotator and of the ceiling
        "comprehensive": (0.619, 0.668, 0.869),
        "counting": (0.684, 0.762, 0.948),
        "composition": (0.289, 0.674, 0.787),
        "overall": (0.531, 0.701, 0.868),
    }
    assert list(found) == list(expected)
    for subset, (alpha, annotator, top) in expected.items():
        assert found[subset].agreement.alpha == pytest.approx(alpha, abs=0.0006)
        assert found[subset].annotator["auroc"].mean == pytest.approx(annotator, abs=0.01)
        assert found[subset].ceiling["auroc"].mean == pytest.approx(top, abs=0.012)
        for name in METRICS:
            assert found[subset].annotator[name].high < found[subset].ceiling[name].mean
