"""TextNorm on score tables: values, choice of settings, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import tia2
from tia2.calibration import (
    Mean,
    MinMax,
    TextNorm,
    UncertaintyRegularised,
    cross_validated,
    mean_ensemble,
    oracle,
    textnorm,
    textnorm_minmax,
    uncertainty_regularised,
)
from tia2.calibration.candidates import Candidates
from tia2.calibration.combining import PENALTIES
from tia2.calibration.flat_settings import FlatSettings
from tia2.calibration.single_models import FACTORS, SCALES
from tia2.errors import ResultError, UnknownNameError
from tia2.evaluation import Result, compare
from tia2.evaluation.panel import Panel


def made(**settings):
    return FlatSettings(**settings).calibration()


@pytest.fixture
def pair(toy, rewards_of, table_of):
    """Two tables on one benchmark whose rewards are on very unlike scales."""
    items = toy(prompts=8, items=8)
    return [
        table_of(items, rewards_of(items, seed=1), "one", temperature=0.5),
        table_of(items, rewards_of(items, seed=2, scale=1e4, noise=1.5), "two", temperature=5e3),
    ]


def rows(table):
    return [reward[mask].astype(np.float64) for reward, mask in zip(table.rewards, table.mask, strict=True)]


def by_hand(tables, scaling, ensemble, factor, penalty):
    shares = []
    for table in tables:
        temperature = factor * table.manifest.reward.card.default_temperature
        function = textnorm if scaling == "temperature" else textnorm_minmax
        shares.append([function(row, temperature if scaling == "temperature" else factor) for row in rows(table)])
    if ensemble is None:
        return np.array(shares[0])
    return mean_ensemble(shares) if penalty is None else uncertainty_regularised(shares, penalty)


@pytest.mark.parametrize("scaling", ["temperature", "minmax"])
@pytest.mark.parametrize("ensemble", [None, "mean", "ur"])
def test_fixed_values_are_the_pure_functions_row_by_row(pair, scaling, ensemble):
    tables = pair if ensemble else pair[:1]
    found = made(scaling=scaling, ensemble=ensemble).apply(tables)
    wanted = by_hand(
        tables, scaling, ensemble, 1.0 if scaling == "temperature" else 3.0, 0.1 if ensemble == "ur" else None
    )
    assert found.values == pytest.approx(wanted, abs=1e-12)
    assert not found.upper_bound
    assert found.settings["setting"] == "fixed"


def test_given_numbers_are_used(pair):
    found = TextNorm(temperature=0.2).apply(pair[:1])
    assert found.values == pytest.approx([textnorm(row, 0.2) for row in rows(pair[0])], abs=1e-12)
    assert found.settings["temperatures"] == [0.2]
    both = UncertaintyRegularised(of=[TextNorm(temperature=0.2), TextNorm(temperature=3e3)], penalty=0.5).apply(pair)
    shares = [[textnorm(row, one) for row in rows(table)] for table, one in zip(pair, (0.2, 3e3), strict=True)]
    assert both.values == pytest.approx(uncertainty_regularised(shares, 0.5), abs=1e-12)
    scaled = MinMax(scale=7).apply(pair[:1])
    assert scaled.values == pytest.approx([textnorm_minmax(row, 7) for row in rows(pair[0])], abs=1e-12)


def test_members_on_unlike_scales_weigh_the_same(toy, rewards_of, table_of):
    items = toy()
    rewards = rewards_of(items, seed=1)
    small = table_of(items, rewards, "small", temperature=2.0**-2)
    large = table_of(items, [row * 2.0**12 for row in rewards], "large", temperature=2.0**10)
    values = Mean().apply([small, large]).values
    assert values == pytest.approx(TextNorm().apply([small]).values, abs=1e-12)


def literal_figures(tables, scaling, ensemble):
    """AUROC of every setting on every prompt by scikit-learn, and the values."""
    items = tables[0].items
    figures, values = [], []
    for candidate in made(scaling=scaling, ensemble=ensemble).candidates():
        level = candidate.chosen_settings().get("factor", candidate.chosen_settings().get("scale"))
        one = by_hand(tables, scaling, ensemble, level, candidate.chosen_settings().get("penalty"))
        values.append(one)
        of_prompt = {}
        for prompt, group in items.groupby("prompt_id", sort=False):
            labels = group["label"].to_numpy()
            mixed = 0 < labels.sum() < len(labels)
            of_prompt[prompt] = roc_auc_score(labels, one[group.index]) if mixed else np.nan
        figures.append(of_prompt)
    return figures, np.array(values)


@pytest.mark.parametrize(("scaling", "ensemble"), [("temperature", None), ("minmax", "mean"), ("temperature", "ur")])
def test_oracle_is_the_best_of_every_prompt(pair, scaling, ensemble):
    tables = pair if ensemble else pair[:1]
    found = made(scaling=scaling, ensemble=ensemble, setting="oracle").apply(tables)
    assert found.upper_bound
    assert "upper bound" in found.name
    figures, values = literal_figures(tables, scaling, ensemble)
    items = tables[0].items
    for prompt, group in items.groupby("prompt_id", sort=False):
        of_setting = np.array([one[prompt] for one in figures])
        chosen = 0 if np.isnan(of_setting[0]) else int(np.argmax(of_setting.round(12)))
        if not np.isnan(of_setting[0]):
            reached = roc_auc_score(group["label"], found.values[group.index])
            assert reached == pytest.approx(of_setting.max(), abs=1e-12)
        else:
            assert found.values[group.index] == pytest.approx(values[chosen][group.index], abs=1e-12)
    assert sum(one["prompts"] for one in found.settings["chosen"]) == sum(not np.isnan(x) for x in figures[0].values())


@pytest.mark.parametrize(("scaling", "ensemble"), [("temperature", None), ("temperature", "ur")])
def test_cross_validation_is_the_literal_one(pair, scaling, ensemble):
    """The fold that a prompt fell into is read off the outcome; the setting must be the best of all other prompts."""
    tables = pair if ensemble else pair[:1]
    found = made(scaling=scaling, ensemble=ensemble, setting="cv", folds=4, seed=3).apply(tables)
    figures, values = literal_figures(tables, scaling, ensemble)
    items = tables[0].items
    panel = Panel.of(items)
    judged = Candidates.of(panel, iter(values))
    fold = judged._deal(4, 3)
    ids = panel.prompts["prompt_id"].tolist()
    subsets = panel.prompts["subset"].to_numpy()
    sizes = [np.bincount(fold[(subsets == subset) & panel.used], minlength=4) for subset in panel.subsets]
    assert all(size.max() - size.min() <= 1 for size in sizes), "every subset is dealt out evenly"
    for number in range(4):
        means = []
        for one in figures:
            of_subset = [
                np.nanmean(
                    [
                        one[name]
                        for name, where, own in zip(ids, fold, subsets, strict=True)
                        if where != number and own == subset
                    ]
                )
                for subset in panel.subsets
            ]
            means.append(np.mean(of_subset))
        chosen = int(np.argmax(np.round(means, 12)))
        here = items["prompt_id"].isin([name for name, where in zip(ids, fold, strict=True) if where == number])
        assert found.values[here] == pytest.approx(values[chosen][here], abs=1e-12)


def test_a_prompt_never_sees_a_setting_chosen_on_its_own_labels(toy, rewards_of, table_of):
    """Whatever the labels of a fold's prompts are, their own values stay as they were."""
    items = toy(prompts=15)
    rewards = rewards_of(items, seed=4)
    judge = lambda frame: Candidates.of(  # noqa: E731
        Panel.of(frame),
        iter([np.array([textnorm(row, factor * 0.5) for row in rewards]) for factor in FACTORS]),
    )
    before = judge(items)
    fold = before._deal(5, 0)
    values = before.pick(before.cross_validated(5, 0)[0])
    rng = np.random.default_rng(0)
    changed = 0
    for number in range(5):
        mine = before.panel.prompts["prompt_id"][(fold == number) & before.panel.used]
        other = items.copy()
        here = items["prompt_id"].isin(mine)
        for _, group in items[here].groupby("prompt_id"):
            other.loc[group.index, "label"] = rng.permutation(group["label"])
        after = judge(other)
        assert (after._deal(5, 0) == fold).all()
        again = after.pick(after.cross_validated(5, 0)[0])
        assert (again[here] == values[here]).all()
        changed += (again != values).any()
    assert changed, "the other folds do depend on them, or this test could not fail"


def test_the_optimism_of_the_oracle_can_be_reported(pair):
    bound = tia2.evaluate(pair, calibration=oracle(UncertaintyRegularised()))
    honest = tia2.evaluate(pair, calibration=cross_validated(UncertaintyRegularised()))
    found = compare(bound, honest).main
    assert found.difference > 0
    assert found.low <= found.difference <= found.high
    assert found.losses == 0


def test_a_result_says_how_it_came_about(pair, tmp_path):
    result = tia2.evaluate(pair, calibration=cross_validated(UncertaintyRegularised(), seed=7))
    assert result.entry.name == "UR of one & two + TextNorm (cv)"
    assert [one.name for one in result.entry.rewards] == ["one", "two"]
    assert result.entry.calibration == "cv"
    assert result.entry.settings["temperatures"] == [0.5, 5e3]
    assert len(result.entry.settings["chosen"]) == result.entry.settings["folds"] == 5
    assert not result.entry.upper_bound
    again = Result.load(result.save(tmp_path / "r.json"))
    assert again == result
    bound = tia2.evaluate(pair[0], calibration=oracle(TextNorm()))
    assert json.loads(bound.model_dump_json())["entry"]["upper_bound"] is True
    assert bound.entry.name == "one + TextNorm (oracle, upper bound)"


def test_names(pair):
    names = [f"reward-model-{number}" for number in range(4)]
    assert Mean().name_of(names) == "mean of 4 rewards + TextNorm"
    assert cross_validated(MinMax()).name_of(names) == "reward-model-0 + TextNorm (min-max, cv)"
    assert TextNorm(temperature=1.0).name_of(names) == "reward-model-0 + TextNorm (τ = 1)"
    given = UncertaintyRegularised(of=[TextNorm(temperature=0.5), TextNorm(temperature=2)], penalty=0.25)
    assert given.name_of(["a", "b"]) == "UR of a & b + TextNorm (τ = 0.5 and 2, λ = 0.25)"


def test_an_ensemble_leaves_out_what_any_member_has_no_reward_for(toy, rewards_of, table_of):
    items = toy()
    one = table_of(items, rewards_of(items, seed=1), "one", skip={3})
    two = table_of(items, rewards_of(items, seed=2), "two", skip={7})
    for setting in ("fixed", "cv", "oracle"):
        values = made(ensemble="ur", setting=setting).apply([one, two]).values
        assert np.flatnonzero(np.isnan(values)).tolist() == [3, 7]
    with pytest.warns(UserWarning, match="2 of 240 items of mean of one & two"):
        result = tia2.evaluate([one, two], calibration=Mean())
    assert result.benchmark.items_skipped == 2
    assert result.overall.items_scored == 238


def test_prompts_without_contrast(toy, rewards_of, table_of):
    items = toy(texts=1)
    table = table_of(items, rewards_of(items), "alone")
    with pytest.raises(ResultError, match="No prompt of toys has contrastive prompts"):
        TextNorm().apply([table])
    some = toy()
    bare = some["prompt_id"] == "counting/0"
    some.loc[bare, "texts"] = some.loc[bare, "texts"].str[:1]
    table = table_of(some, rewards_of(some), "some")
    with pytest.warns(UserWarning, match="1 prompts have no contrastive"):
        values = TextNorm().apply([table]).values
    assert (values[bare] == 1).all()


def test_tables_that_do_not_belong_together(toy, rewards_of, table_of):
    items = toy()
    rewards = rewards_of(items)
    one = table_of(items, rewards, "one")
    refused = [
        ([one, table_of(items, rewards, "other", benchmark="c" * 64)], "not on the same benchmark"),
        ([one, table_of(items, rewards, "other", images=["t"] * len(items))], "scored on different images"),
        ([one, one], "are one reward model: list it once"),
        ([one, table_of(items, rewards, "pretty", kind="control")], "pretty scores the image alone"),
        ([one, table_of(items, rewards, "other", temperature=None)], "documents no default temperature"),
    ]
    for tables, said in refused:
        with pytest.raises(ResultError, match=said):
            Mean().apply(tables)
    with pytest.raises(ResultError, match="one entry as an ensemble only"):
        TextNorm().apply([one, one])
    with pytest.raises(ResultError, match="one entry as an ensemble only"):
        tia2.evaluate([one, one])
    with pytest.raises(ResultError, match="at least two score tables, got one alone"):
        Mean().apply([one])
    with pytest.raises(ResultError, match="one per member \\(2\\), got 3"):
        made(ensemble="mean", temperature=[1, 2, 3]).apply([one, table_of(items, rewards, "other")])
    with pytest.raises(ResultError, match="at least one score table, got none"):
        tia2.evaluate([], calibration=TextNorm())


def test_a_control_keeps_its_raw_figures(toy, rewards_of, table_of):
    items = toy()
    table = table_of(items, rewards_of(items), "pretty", kind="control", temperature=None)
    assert tia2.evaluate(table).entry.name == "pretty"
    with pytest.raises(ResultError, match="Controls are evaluated raw"):
        tia2.evaluate(table, calibration=TextNorm(temperature=1.0))


def test_too_few_prompts_to_choose_on(toy, rewards_of, table_of):
    items = toy(prompts=1)
    with pytest.raises(ResultError, match="Cross-validation over 5 folds needs"):
        cross_validated(TextNorm()).apply([table_of(items, rewards_of(items))])


BAD = [
    ({"scaling": "softmax"}, UnknownNameError, "Unknown scaling 'softmax'"),
    ({"setting": "best"}, UnknownNameError, "Unknown setting 'best'"),
    ({"ensemble": "median"}, UnknownNameError, "Unknown ensemble 'median'"),
    ({"setting": "cv", "folds": 1}, ResultError, "at least 2 folds"),
    ({"setting": "cv", "seed": -1}, ResultError, "seed must be"),
    ({"temperature": 0.0}, ResultError, "temperature must be finite and above 0"),
    ({"temperature": [[1.0]]}, ResultError, "temperature: Input should be a valid number"),
    ({"scale": 1.0}, ResultError, "has no scale"),
    ({"scaling": "minmax", "temperature": 1.0}, ResultError, "has no temperature"),
    ({"penalty": 0.1}, ResultError, "Only the ensemble 'ur' takes a penalty"),
    ({"ensemble": "ur", "penalty": -1.0}, ResultError, "penalty must be"),
    ({"ensemble": "ur", "penalty": 0.1, "setting": "cv"}, ResultError, "chooses the penalty"),
    ({"scaling": "minmax", "scale": 1.0, "setting": "oracle"}, ResultError, "chooses the scale"),
]


@pytest.mark.parametrize(("given", "kind", "said"), BAD, ids=range(len(BAD)))
def test_bad_settings_are_one_clear_error(given, kind, said):
    with pytest.raises(kind, match=said):
        made(**given)


def test_the_grids_hold_the_documented_values():
    assert FACTORS[0] == 1.0
    assert SCALES[0] == 3.0
    assert PENALTIES[0] == 0.1
    assert sorted(SCALES) == [0.1, 1, 3, 5, 10]
    assert sorted(PENALTIES) == [0.05, 0.1, 0.5, 1]
