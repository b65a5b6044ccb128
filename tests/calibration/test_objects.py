"""Calibrations as objects: how they compose and are written down, and that they do online what they do offline."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest
from pydantic import TypeAdapter

import tia2
from tia2.calibration import (
    CALIBRATIONS,
    Calibration,
    CrossValidated,
    Mean,
    MinMax,
    Raw,
    TextNorm,
    UncertaintyRegularised,
    calibration_of,
    cross_validated,
    oracle,
)
from tia2.calibration.flat_settings import FlatSettings
from tia2.calibration.registry import AnyCalibration
from tia2.errors import PluginError, ResultError, UnknownNameError

SINGLE = [Raw(), TextNorm(), TextNorm(temperature=0.3), TextNorm(factor=2), MinMax(), MinMax(scale=7)]
COMBINED = [
    Mean(),
    Mean(of=MinMax()),
    Mean(of=Raw()),
    Mean(of=[TextNorm(temperature=0.2), TextNorm(temperature=3e3)]),
    Mean(of=[TextNorm(), MinMax(scale=5)]),
    UncertaintyRegularised(),
    UncertaintyRegularised(of=MinMax(), penalty=0.5),
]
CHOSEN = [cross_validated(TextNorm()), oracle(MinMax()), CrossValidated(of=UncertaintyRegularised(), folds=3, seed=2)]
EVERY = [*SINGLE, *COMBINED, *CHOSEN]


@pytest.fixture
def pair(toy, rewards_of, table_of):
    """Two tables on one benchmark whose rewards are on very unlike scales."""
    items = toy(prompts=8, items=8)
    return [
        table_of(items, rewards_of(items, seed=1), "one", temperature=0.5),
        table_of(items, rewards_of(items, seed=2, scale=1e4, noise=1.5), "two", temperature=5e3),
    ]


@pytest.mark.parametrize("calibration", [*SINGLE, *COMBINED], ids=repr)
def test_online_values_are_the_offline_ones(pair, calibration):
    tables = pair if calibration.combines else pair[:1]
    offline = calibration.apply(tables).values
    cards = [table.manifest.reward.card for table in tables]
    online = calibration.apply_online([table.rewards for table in tables], tables[0].mask, cards)
    np.testing.assert_array_equal(online, offline)
    half = len(offline) // 2
    some = calibration.apply_online([table.rewards[:half] for table in tables], tables[0].mask[:half], cards)
    np.testing.assert_array_equal(some, offline[:half])


def test_what_labels_choose_has_no_online_form_until_it_is_frozen(pair):
    for calibration in (cross_validated(TextNorm()), oracle(TextNorm())):
        with pytest.raises(ResultError, match="chooses settings on labels"):
            calibration.apply_online([pair[0].rewards], pair[0].mask)
    frozen = cross_validated(TextNorm()).chosen_for(pair[:1])
    assert frozen in TextNorm().candidates()
    figures = {each: tia2.evaluate(pair[0], each).overall.metrics["auroc"].mean for each in TextNorm().candidates()}
    assert figures[frozen] == pytest.approx(max(figures.values()), abs=1e-12)
    both = cross_validated(UncertaintyRegularised()).chosen_for(pair)
    cards = [table.manifest.reward.card for table in pair]
    online = both.apply_online([table.rewards for table in pair], pair[0].mask, cards)
    np.testing.assert_array_equal(online, both.apply(pair).values)


@pytest.mark.parametrize("calibration", EVERY, ids=repr)
def test_what_is_written_down_is_read_back(calibration):
    written = json.loads(json.dumps(calibration.model_dump(mode="json")))
    assert calibration_of(written) == calibration
    assert calibration_of(json.dumps(written)) == calibration
    assert hash(calibration_of(written)) == hash(calibration)
    listed = TypeAdapter(list[AnyCalibration])
    assert listed.validate_json(listed.dump_json([calibration])) == [calibration]


def test_different_settings_have_different_slugs_and_names():
    assert len({each.slug for each in EVERY}) == len(EVERY)
    assert len({each.name_of(["a", "b"]) for each in EVERY}) == len(EVERY)
    assert len({each.entry_name("a") for each in EVERY}) == len(EVERY)
    assert all(set(each.slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-") for each in EVERY)


@pytest.mark.parametrize(
    ("settings", "slug", "name", "of_members"),
    [
        ({}, "textnorm", "m + TextNorm", "a + TextNorm"),
        ({"setting": "cv"}, "textnorm-cv", "m + TextNorm (cv)", "a + TextNorm (cv)"),
        ({"setting": "oracle"}, "textnorm-oracle", "m + TextNorm (oracle, upper bound)", None),
        ({"scaling": "minmax", "scale": 5}, "minmax-c5", "m + TextNorm (min-max, c = 5)", None),
        ({"temperature": 0.5, "setting": "cv"}, "textnorm-cv-t0.5", "m + TextNorm (τ = 0.5, cv)", None),
        ({"ensemble": "mean"}, "mean-textnorm", "m, mean", "mean of a & b + TextNorm"),
        ({"ensemble": "ur", "setting": "cv"}, "ur-textnorm-cv", "m, UR (cv)", "UR of a & b + TextNorm (cv)"),
        (
            {"ensemble": "ur", "scaling": "minmax", "scale": 3, "penalty": 0.25},
            "ur-minmax-c3-p0.25",
            "m, UR (min-max, c = 3, λ = 0.25)",
            "UR of a & b + TextNorm (min-max, c = 3, λ = 0.25)",
        ),
    ],
)
def test_names_are_those_of_version_0_1(settings, slug, name, of_members):
    calibration = FlatSettings(**settings).calibration()
    assert (calibration.slug, calibration.entry_name("m")) == (slug, name)
    if of_members is not None:
        assert calibration.name_of(["a", "b"] if calibration.combines else ["a"]) == of_members


@pytest.mark.parametrize(
    ("text", "calibration"),
    [
        ("raw", Raw()),
        (" textnorm ", TextNorm()),
        ("textnorm:temperature=0.5", TextNorm(temperature=0.5)),
        ("minmax:scale=3", MinMax(scale=3)),
        ("mean", Mean()),
        ("mean:of=minmax", Mean(of=MinMax())),
        ("ur:of=(textnorm:temperature=2,factor=0.5),penalty=1", UncertaintyRegularised(
            of=TextNorm(temperature=2, factor=0.5), penalty=1)),
        ("mean:of=[(textnorm:temperature=2),minmax]", Mean(of=[TextNorm(temperature=2), MinMax()])),
        ("cv:of=(ur:of=(minmax)),folds=3", cross_validated(UncertaintyRegularised(of=MinMax()), folds=3)),
    ],
)  # fmt: skip
def test_short_texts(text, calibration):
    assert calibration_of(text) == calibration


@pytest.mark.parametrize(
    ("written", "error", "said"),
    [
        ("textnrom", UnknownNameError, "Unknown calibration 'textnrom'. Did you mean 'textnorm'"),
        ("textnorm:0.5", ResultError, "expected KEY=VALUE"),
        ("textnorm:temperature=warm", ResultError, "temperature: Input should be a valid number"),
        (
            "textnorm:ensemble=mean",
            ResultError,
            "TextNorm has no setting 'ensemble'. Its settings: temperature, factor",
        ),
        ("mean:of=(textnorm", ResultError, "brackets are not closed"),
        ("mean:of=textnrom", ResultError, "Did you mean 'textnorm'"),
        ({"temperature": 1.0}, ResultError, "the key 'calibration'"),
        (3, ResultError, "Expected a calibration"),
    ],
)
def test_what_can_t_be_read_is_one_clear_error(written, error, said):
    with pytest.raises(error, match=said.replace("(", r"\(").replace(".", r"\.")):
        calibration_of(written)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Mean(of=Mean()), "members are single reward models"),
        (lambda: Mean(of=cross_validated(TextNorm())), "put cv around the ensemble"),
        (lambda: Mean(of=[]), "got none"),
        (lambda: cross_validated(Raw()), "raw has no setting to choose"),
        (lambda: oracle(cross_validated(TextNorm())), "cv has no setting to choose"),
        (lambda: cross_validated(MinMax(scale=1)), "chooses the scale"),
        (lambda: cross_validated(TextNorm(factor=2)), "factor of the temperature is to be chosen"),
        (lambda: cross_validated(Mean(of=[TextNorm(), MinMax()])), "different numbers of settings"),
    ],
)
def test_states_that_make_no_sense_can_t_be_made(make, said):
    with pytest.raises(ResultError, match=said):
        make()


def test_calibrate_is_a_stage_of_its_own(pair, tmp_path):
    values = tia2.calibrate(pair[0], "textnorm:temperature=0.2")
    assert values.name == "one + TextNorm (τ = 0.2)"
    assert values.calibration == "textnorm"
    np.testing.assert_array_equal(values.values, TextNorm(temperature=0.2).apply(pair[:1]).values)
    kept = tia2.Values.load(values.save(tmp_path / "values.parquet"))
    assert tia2.evaluate(kept) == tia2.evaluate(pair[0], TextNorm(temperature=0.2))
    assert tia2.calibrate(pair[0]).calibration == "raw"
    assert tia2.calibrate(pair, {"calibration": "mean"}).name == "mean of one & two + TextNorm"
    assert tia2.calibrate(pair[0], lambda table: table.raw * 2).values.tolist() == (pair[0].raw * 2).tolist()
    with pytest.raises(ResultError, match="got none"):
        tia2.calibrate([])


def test_the_registry_takes_what_says_who_it_is():
    class Nameless(Calibration):
        pass

    class Other(Calibration):
        registry_name: ClassVar[str] = "textnorm"
        title: ClassVar[str] = "Other"
        definition: ClassVar[str] = "Not TextNorm."

    for wrong, said in (
        (Nameless, "doesn't say its registry_name"),
        (Other, "is taken by tia2"),
        (int, "a subclass of"),
    ):
        with pytest.raises(PluginError, match=said):
            tia2.register_calibration(wrong)
    assert list(CALIBRATIONS) == ["raw", "textnorm", "minmax", "mean", "ur", "cv", "oracle"]
    assert all(calibration.definition.endswith(".") for _, calibration in CALIBRATIONS.items())


@pytest.fixture
def broken_plugin(tmp_path, monkeypatch):
    """An installed package whose calibration can't be imported."""
    metadata = tmp_path / "toy-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[tia2.calibrations]\nbroken = toy_gone:Gone\n", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        CALIBRATIONS.refresh()
        yield
    CALIBRATIONS.refresh()


@pytest.mark.usefixtures("broken_plugin")
def test_a_broken_plugin_only_warns():
    reason = "Calibration 'broken' from package toy can't be imported: ModuleNotFoundError: No module named 'toy_gone'"
    with pytest.warns(UserWarning, match=f"{reason}. It is left out."):
        names = CALIBRATIONS.names()
    assert "broken" not in names
    assert {"raw", "textnorm", "ur"} <= set(names)
    assert calibration_of("textnorm") == TextNorm()
    with pytest.raises(PluginError, match=reason):
        calibration_of("broken")
