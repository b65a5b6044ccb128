"""Krippendorff's alpha of ratings with gaps, one annotator and the noise ceiling for ratings."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import tia2
from tia2.benchmark import RatingScale
from tia2.errors import ResultError
from tia2.evaluation.measuring import measured
from tia2.evaluation.people.agreement import krippendorff_alpha, krippendorff_ordinal, ordinal_part
from tia2.evaluation.people.annotator import annotator_part
from tia2.evaluation.people.rating_ceiling import rating_ceiling_part, step_of
from tia2.evaluation.people.reference_rows import people

NAN = float("nan")
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
"""Four observers, twelve units, values missing: Krippendorff 2011, example C."""
SCALE = RatingScale(low=1, high=5, aligned_from=4)


def literal(units, difference):
    """Alpha by its definition: mean difference of pairs within units over that of pairs of all values."""
    units = [[value for value in unit if value == value] for unit in units]
    units = [unit for unit in units if len(unit) > 1]
    values = [value for unit in units for value in unit]
    observed = sum(
        difference(a, b, values) / (len(unit) - 1) for unit in units for a, b in itertools.permutations(unit, 2)
    )
    expected = sum(difference(a, b, values) for a, b in itertools.permutations(values, 2))
    return 1 - observed / len(values) / (expected / len(values) / (len(values) - 1))


def interval(a, b, values):
    return (a - b) ** 2


def ordinal(a, b, values):
    low, high = sorted((a, b))
    return (sum(low <= value <= high for value in values) - (values.count(a) + values.count(b)) / 2) ** 2


def test_alpha_of_the_published_example():
    units = PUBLISHED.T[None]
    assert krippendorff_alpha(units) == pytest.approx(0.849, abs=5e-4)
    assert krippendorff_ordinal(units) == pytest.approx(0.815, abs=5e-4)


@pytest.mark.parametrize("seed", range(4))
def test_alpha_equals_its_definition(seed):
    rng = np.random.default_rng(seed)
    ratings = np.round(rng.normal(3, 1, (6, 4, 1)) + rng.normal(0, 0.8, (6, 4, 3)) * 2) / 2
    ratings[rng.random(ratings.shape) < 0.25] = NAN
    units = ratings.reshape(-1, 3).tolist()
    assert krippendorff_alpha(ratings) == pytest.approx(literal(units, interval), abs=1e-12)
    assert krippendorff_ordinal(ratings) == pytest.approx(literal(units, ordinal), abs=1e-12)
    stretched = np.where(ratings > 3, ratings * 10, ratings)
    assert krippendorff_ordinal(stretched) == pytest.approx(krippendorff_ordinal(ratings), abs=1e-12)
    part = ordinal_part("x", ratings, 0, 50)
    assert part.figures.mean() == pytest.approx(part.alpha, abs=1e-9)
    assert np.nanstd(part.resampled) > 0


def test_alpha_without_disagreement_or_pairs():
    assert np.isnan(krippendorff_ordinal(np.full((2, 2, 2), 3.0)))
    assert np.isnan(krippendorff_ordinal(np.array([[[1.0, NAN], [2.0, NAN]]])))
    assert krippendorff_ordinal(np.array([[[1.0, 1.0], [2.0, 2.0]]])) == 1


def simulated(prompts, items, raters, rng):
    true = rng.normal(3.3, 0.8, (prompts, 1)) + rng.normal(0, 0.8, (prompts, items))
    rated = true[..., None] + rng.normal(0, 0.7, (prompts, items, raters))
    return true, SCALE.scaled(np.clip(np.round(rated), 1, 5))


def test_the_ceiling_is_that_of_the_true_ratings():
    rng = np.random.default_rng(0)
    true, ratings = simulated(150, 12, 4, rng)
    scores = ratings.mean(axis=2)
    labels = SCALE.aligned(scores)
    used = labels.any(axis=1) & ~labels.all(axis=1)
    part = rating_ceiling_part("x", ratings, used, 0, 100, SCALE)
    expected = np.nanmean(measured(scores, true, np.ones_like(labels), labels)[used], axis=0)
    assert part.figures.mean(axis=0) == pytest.approx(expected, abs=0.02)
    annotator = annotator_part("x", ratings, used, 0, 100, scale=SCALE)
    assert (annotator.figures.mean(axis=0)[[0, 5, 6]] < part.figures.mean(axis=0)[[0, 5, 6]]).all()


def test_the_step_of_a_scale():
    assert step_of(SCALE.scaled([1, 2, 3, 4, 5, NAN])) == pytest.approx(0.25)
    assert step_of(SCALE.scaled([1, 1.5, 4])) == pytest.approx(0.125)
    assert step_of(np.random.default_rng(0).random(50)) is None
    assert step_of(np.array([0.5, NAN])) is None


@pytest.fixture(scope="module")
def rated():
    """Thirty prompts of six items, seven raters, a fifth of the ratings missing, and a reward that knows something."""
    rng = np.random.default_rng(5)
    true, ratings = simulated(30, 6, 7, rng)
    raw = np.round(ratings * 4 + 1)
    raw[rng.random(raw.shape) < 0.2] = NAN
    rows = [
        {
            "item_id": f"{prompt}/{item}",
            "subset": "a",
            "prompt_id": f"a/{prompt}",
            "prompt": f"prompt {prompt}",
            "ratings": [None if rating != rating else float(rating) for rating in raw[prompt, item]],
        }
        for prompt in range(30)
        for item in range(6)
    ]
    return rows, (true + rng.normal(0, 0.5, true.shape)).ravel(), raw


def test_figures_of_ratings(rated):
    from datasets import Dataset

    from tia2.benchmark import load
    from tia2.scoring import import_scores

    rows, reward, raw = rated
    benchmark = load(Dataset.from_list(rows), scale=SCALE)
    table = import_scores(benchmark, dict(zip(benchmark.items.item_id, reward, strict=True)), name="A")
    result = tia2.evaluate(table, resamples=300)
    means = np.nanmean(raw, axis=2)
    numbers = np.float32(reward).reshape(means.shape)
    expected = [spearmanr(human, row).statistic for human, row in zip(means, numbers, strict=True)]
    assert result.overall.metrics["spearman"].mean == pytest.approx(np.mean(expected), abs=1e-9)
    pooled = spearmanr(means.ravel(), numbers.ravel()).statistic
    assert result.overall.metrics["spearman"].pooled == pytest.approx(pooled, abs=1e-9)
    assert [prompt.aligned for prompt in result.prompts] == pytest.approx((means >= 4).mean(axis=1).tolist())
    of_people = result.people["a"]
    assert of_people.agreement.alpha == pytest.approx(krippendorff_alpha(raw), abs=1e-9)
    assert of_people.ordinal.alpha == pytest.approx(krippendorff_ordinal(raw), abs=1e-9)
    assert of_people.ordinal.low < of_people.ordinal.alpha < of_people.ordinal.high
    assert result.overall.metrics["auroc"].mean < of_people.ceiling["auroc"].mean <= 1
    assert tia2.Result.model_validate_json(result.model_dump_json()) == result
    values = tia2.calibrate([table])
    assert tia2.evaluate(values, resamples=300) == result


def test_items_with_one_rating_say_nothing_about_people(rated):
    rows, _, _ = rated
    frame = pd.DataFrame(rows).assign(human_score=0.5, label=False)
    frame["label"] = [number % 2 == 0 for number in range(len(frame))]
    with pytest.warns(UserWarning, match="aren't the means of the ratings"):
        whole = people(frame, 0, 20, SCALE)
    more = pd.concat([frame, frame.assign(ratings=[[5.0]] * len(frame), item_id=frame.item_id + "x")])
    with pytest.warns(UserWarning, match="aren't the means of the ratings"):
        assert people(more.reset_index(drop=True), 0, 20, SCALE) == whole
    assert people(frame.assign(ratings=[[5.0, None]] * len(frame)), 0, 20, SCALE) is None
    with pytest.raises(ResultError, match="expected a RatingScale"):
        people(frame, 0, 20)
