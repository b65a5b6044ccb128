"""Presets and overrides, and what is said of settings that don't fit."""

import pytest

from tia2.errors import FinetuneError, UnknownNameError
from tia2.finetune.settings.run import load_settings, presets
from tia2.finetune.training.prompts import load_prompts, wide_contrastive_prompts


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_valid_and_named_as_its_file(name):
    settings = load_settings(name)
    assert settings.name == name
    if settings.prompts.benchmark == "mini":  # the others' annotations are downloaded
        assert load_prompts(settings.prompts).train


@pytest.mark.parametrize(
    ("override", "error", "sentence"),
    [
        ("optimiser.rl=1e-4", FinetuneError, r"Unknown setting 'optimiser.rl'. Did you mean 'optimiser.lr'\?"),
        ("optimizer.lr=1e-4", FinetuneError, r"Did you mean 'optimiser'\?"),
        ("optimiser.lr=-1", FinetuneError, "optimiser.lr: Input should be greater than 0"),
        ("optimiser.lr", FinetuneError, "--set takes FIELD=VALUE"),
        ("ddpo.epochs.more=1", FinetuneError, "epochs is not a section"),
        ("name=[", FinetuneError, "is no YAML"),
        ("prompts.texts=[a]", FinetuneError, "exactly one of benchmark, texts and file"),
    ],
)
def test_overrides_that_do_not_fit_are_named(override, error, sentence):
    with pytest.raises(error, match=sentence):
        load_settings("mini-ddpo", [override])


def test_overrides_replace_what_the_preset_says():
    settings = load_settings(
        "mini-ddpo", ["optimiser.lr=1e-4", "model.lora=null", "reward.proxy=mini-vivid + textnorm"]
    )
    assert settings.optimiser.lr == 1e-4
    assert settings.model.lora is None
    assert settings.reward.proxy.rewards == ("mini-vivid",)
    assert settings.reward.proxy.calibration == "textnorm"


def test_unknown_presets_and_files(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'mini-ddpo'"):
        load_settings("mini-dpo")
    with pytest.raises(FinetuneError, match="can't be read"):
        load_settings(str(tmp_path / "none.yaml"))
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    with pytest.raises(FinetuneError, match="expected a mapping"):
        load_settings(str(empty))


def test_positions_beyond_the_prompts_and_prompts_in_both_parts_are_refused():
    with pytest.raises(FinetuneError, match="names position 99, and there are 20 prompts"):
        load_prompts(load_settings("mini-ddpo", ["prompts.train=[99]"]).prompts)
    with pytest.raises(FinetuneError, match="both trained on and held out"):
        load_prompts(load_settings("mini-ddpo", ["prompts.held_out=[7]"]).prompts)


def test_wide_sets_vary_number_colour_and_shape():
    wide = wide_contrastive_prompts("two blue squares")
    assert {"three blue squares", "two red squares", "two blue crosses"} <= set(wide)
    assert "two blue squares" not in wide
    assert len(wide) == 7 + 5 + 3
