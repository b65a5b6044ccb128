"""Errors of pairs of models, against loops over pairs of images and scikit-learn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tia2.analysis import errors
from tia2.analysis.entries import panel_of
from tia2.calibration import Mean, MinMax, TextNorm
from tia2.errors import ResultError

FAST = {"resamples": 300}


def _by_prompt(table, values):
    """Yield (subset, labels, values) of every prompt whose labels differ."""
    for _, rows in table.items.groupby("prompt_id", sort=False):
        labels = rows["label"].to_numpy()
        if 0 < labels.sum() < len(labels):
            yield rows["subset"].iloc[0], labels, values[rows.index]


def _wrong(labels, values):
    return np.array(
        [
            0.5 if values[a] == values[b] else float(values[a] < values[b])
            for a in np.flatnonzero(labels)
            for b in np.flatnonzero(~labels)
        ]
    )


def _reference(tables, of, a, b):
    """Correlation, share of pairs that both get wrong, and mean errors, by subset."""
    found = {}
    both = zip(_by_prompt(tables[a], of[a]), _by_prompt(tables[b], of[b]), strict=True)
    for (subset, labels, x), (_, _, y) in both:
        e, f = _wrong(labels, x), _wrong(labels, y)
        moments = [np.mean(e * f) - e.mean() * f.mean(), e.var(), f.var(), np.mean(e * f), e.mean(), f.mean()]
        found.setdefault(subset, []).append(moments)
    means = {subset: np.mean(moments, axis=0) for subset, moments in found.items()}
    means["overall"] = np.mean(list(means.values()), axis=0)
    return {s: (c / np.sqrt(v * w), both, one, two) for s, (c, v, w, both, one, two) in means.items()}


@pytest.mark.parametrize("calibration", [None, TextNorm(), MinMax()])
def test_correlations_are_those_of_loops_over_pairs(tables_of, calibration):
    tables = tables_of()
    of = [table.raw if calibration is None else calibration.apply([table]).values for table in tables]
    frame = errors(tables, calibration=calibration, **FAST).table.set_index(["subset", "a", "b"])
    for a, b in combinations(range(3), 2):
        for subset, expected in _reference(tables, of, a, b).items():
            row = frame.loc[(subset, tables[a].name, tables[b].name)]
            assert row[["correlation", "both_wrong", "error_a", "error_b"]].tolist() == pytest.approx(expected)
            assert row["correlation_low"] < row["correlation"] < row["correlation_high"]
            assert row["one_right"] == pytest.approx(1 - row["both_wrong"])


def test_mean_error_is_one_minus_auroc_and_gain_is_that_of_the_mean_ensemble(tables_of):
    tables = tables_of(subsets=("counting",))
    frame = errors(tables, **FAST).table.set_index(["a", "b"])

    def auroc(values):
        return np.mean([roc_auc_score(labels, own) for _, labels, own in _by_prompt(tables[0], values)])

    single = [auroc(TextNorm().apply([table]).values) for table in tables]
    for a, b in combinations(range(3), 2):
        row = frame.loc[(tables[a].name, tables[b].name)]
        assert row["error_a"] == pytest.approx(1 - auroc(tables[a].raw))
        both = auroc(Mean().apply([tables[a], tables[b]]).values)
        assert row["gain"] == pytest.approx(both - max(single[a], single[b]))
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]
    row = frame.loc[("", "")]
    assert row["gain"] == pytest.approx(auroc(Mean().apply(tables).values) - max(single))
    assert row["both_wrong"] <= frame["both_wrong"].min() + 1e-12
    assert row["correlation"] == pytest.approx(frame.loc[frame["members"] == 2, "correlation"].mean())


def test_a_model_that_orders_alike_errs_alike(toy, rewards_of, table_of):
    items = toy()
    rewards = rewards_of(items)
    same = [3 * row + 1 for row in rewards]
    frame = errors([table_of(items, rewards, "one"), table_of(items, same, "same", temperature=1.5)], **FAST).table
    assert frame["correlation"].tolist() == pytest.approx([1.0] * 3)
    assert frame["correlation_low"].tolist() == pytest.approx([1.0] * 3)
    assert frame["gain"].tolist() == pytest.approx([0.0] * 3)
    opposite = table_of(items, [-row for row in rewards], "opposite")
    assert errors([table_of(items, rewards), opposite], **FAST).table["correlation"].tolist() == pytest.approx([-1] * 3)


def test_a_model_without_errors_has_no_correlation(toy, rewards_of, table_of):
    items = toy()
    perfect = [
        np.r_[np.float32(label), np.zeros(len(texts) - 1, np.float32)]
        for label, texts in zip(items["label"], items["texts"], strict=True)
    ]
    made = errors([table_of(items, perfect, "perfect"), table_of(items, rewards_of(items), "other")], **FAST)
    assert made.table["correlation"].isna().all()
    assert (made.table["both_wrong"] == 0).all()
    assert made.findings


def test_models_that_cannot_be_calibrated_have_correlations_but_no_gain(toy, rewards_of, table_of):
    items = toy(subsets=("counting",))
    tables = [
        table_of(items, rewards_of(items, seed=1), "one"),
        table_of(items, rewards_of(items, seed=2), "two"),
        table_of(items, rewards_of(items, seed=3), "look", kind="control"),
        table_of(items, rewards_of(items, seed=4), "bare", temperature=None),
    ]
    made = errors(tables, calibration=TextNorm(), **FAST)
    assert made.table["correlation"].notna().all()
    known = made.table[made.table["gain"].notna()]
    assert known["models"].tolist() == ["one & two", "all 4"]
    assert known["members"].tolist() == [2, 2]
    told = "\n".join(made.findings)
    assert "No gain with look: look scores the image alone" in told
    assert "No gain with bare: The card of bare documents no default temperature" in told
    assert "The errors of look are those of raw rewards: look scores" in told


def test_without_contrastive_prompts_only_the_errors_are_left(tables_of, tmp_path):
    made = errors(tables_of(texts=1), **FAST)
    assert made.table["correlation"].notna().all()
    assert made.table["gain"].isna().all()
    assert made.findings[-1].startswith("No gain with one, two, three: No prompt of toys has contrastive prompts")
    assert len(made.figure.panels) == 1
    assert len(made.save(tmp_path)) == 3


def test_items_that_one_model_skipped_count_for_none(toy, rewards_of, table_of):
    items = toy()
    one, two = rewards_of(items, seed=1), rewards_of(items, seed=2)
    skipped = [0, 7, 33]
    whole = errors([table_of(items, one, "one", skip=skipped), table_of(items, two, "two")], **FAST).table
    both = errors([table_of(items, one, "one", skip=skipped), table_of(items, two, "two", skip=skipped)], **FAST).table
    assert whole.equals(both)


def test_two_models_of_one_name_are_told_apart(toy, rewards_of, table_of):
    items = toy()
    first, second = table_of(items, rewards_of(items), "same"), table_of(items, rewards_of(items, seed=1), "same")
    second.manifest.reward.__dict__["fingerprint"] = "other"
    assert set(errors([first, second], **FAST).table["models"]) == {"same & same (2)"}


def test_intervals_of_many_are_those_of_each(toy):
    panel = panel_of(toy(), resamples=200)
    figures = np.random.default_rng(0).normal(size=(3, len(panel.used)))
    for subset in panel.scopes:
        for many, own in zip(panel.intervals(figures, subset), figures, strict=True):
            assert many == pytest.approx(panel.interval(own, subset))


def test_what_is_refused(tables_of, toy, rewards_of, table_of):
    tables = tables_of()
    with pytest.raises(ResultError, match="at least 2 score tables, got 1"):
        errors(tables[:1])
    with pytest.raises(ResultError, match="one and one are one reward model: list it once"):
        errors([tables[0], tables[0]])
    with pytest.raises(ResultError, match="give a calibration without an ensemble"):
        errors(tables, calibration=Mean())
    items = toy()
    with pytest.raises(ResultError, match="not on the same benchmark"):
        errors([tables[0], table_of(items, rewards_of(items), "far", benchmark="c" * 64)])


def test_what_it_says(tables_of):
    pair = errors(tables_of(names=("one", "two")), **FAST)
    assert len(pair.table) == 3
    assert pair.findings[0].startswith("one & two err alike: their errors correlate ")
    assert "the most of" not in pair.findings[1]
    several = errors(tables_of(), **FAST)
    row = several.table.query("subset == 'overall' and a != ''").nlargest(1, "gain").iloc[0]
    assert several.findings[1].startswith(f"The mean ensemble of {row['models']} gains {row['gain']:+.3f} AUROC")
    assert "the most of 3 pairs" in several.findings[1]
    assert several.findings[2].startswith("The mean ensemble of 3 models reaches ")


def test_it_is_drawn(tables_of, tmp_path):
    tables = tables_of(names=[f"model {number}" for number in range(8)], prompts=40, items=20)
    made = errors(tables)
    assert len(made.table) == 3 * (28 + 1)
    assert {path.suffix for path in made.save(tmp_path)} == {".png", ".html", ".csv"}
    assert set(made.shown) <= set(made.table)
