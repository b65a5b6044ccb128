"""Where a diffusion model is loaded from: moved ids, folders, the embedded ones, and what is neither."""

import pytest

from tia2.errors import FinetuneError
from tia2.finetune.policy.loading import load_pipeline
from tia2.finetune.policy.resolve import MOVED, resolve


@pytest.mark.parametrize("asked", MOVED)
def test_ids_that_left_the_hub_are_resolved_with_a_notice(asked):
    source = resolve(asked)
    assert source.location == MOVED[asked]
    assert asked in source.notice
    assert MOVED[asked] in source.notice


@pytest.mark.parametrize(("name", "checkpoint"), [("mini", "final"), ("mini-halfway", "halfway")])
def test_the_embedded_models(name, checkpoint):
    source = resolve(name)
    assert (source.checkpoint, source.location, source.notice) == (checkpoint, None, "")


def test_other_ids_are_taken_as_they_are():
    source = resolve("somebody/some-model")
    assert (source.location, source.notice) == ("somebody/some-model", "")


def test_a_folder_with_a_pipeline_is_loaded_from_there(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path / "mine")
    source = resolve(str(tmp_path / "mine"))
    assert source.location == str(tmp_path / "mine")
    loaded = load_pipeline(source)
    assert tuple(loaded.unet.config.block_out_channels) == pipeline.unet.config.block_out_channels
    assert loaded.safety_checker is None


def test_a_folder_without_one_is_named(tmp_path):
    with pytest.raises(FinetuneError, match="holds no diffusers pipeline"):
        resolve(str(tmp_path))
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(FinetuneError, match="can't be loaded"):
        load_pipeline(resolve(str(tmp_path)))


@pytest.mark.parametrize("nonsense", ["", "minni", "/no/such/folder", "a/b/c", "./x", "~/x", "/x", "x/"])
def test_nonsense_gets_a_sentence_that_says_what_was_expected(nonsense):
    with pytest.raises(
        FinetuneError, match=r"There is no diffusion model .*'mini-halfway'|holds no diffusers pipeline"
    ):
        resolve(nonsense)
