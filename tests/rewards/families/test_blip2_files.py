"""BLIP-2's files: what is missing, damaged, surplus or another model's is named in one line."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import RewardError
from tia2.rewards.families.blip import blip2_loading

build = runpy.run_path(str(Path(__file__).parent / "tiny_blip2.py"))["build"]

TEXTS = ["a dog", "two red airplanes"]


@pytest.fixture
def load(goldens):
    def make(source, head="itm", **options):
        tiny = {"tokenizer": goldens / "common" / "bert_tiny_tokenizer", "vision_heads": 4, "text_heads": 4}
        return tia2.load_reward(f"blip2-{head}:{source}", device="cpu", **{**tiny, **options})

    return make


@pytest.fixture
def load_hub_layout(load):
    def make(source, **options):
        return load(source, **{"tokenizer": None, "vision_heads": None, "text_heads": None, **options})

    return make


@pytest.fixture(scope="module")
def checkpoint(goldens):
    return goldens / "blip2_itm" / "blip2_tiny.pth"


@pytest.fixture
def state(checkpoint):
    return torch.load(checkpoint, weights_only=True)["model"]


@pytest.fixture(scope="module")
def built(goldens, tmp_path_factory):
    return build(tmp_path_factory.mktemp("blip2") / "tiny", goldens / "common" / "bert_tiny_tokenizer" / "vocab.txt")


@pytest.fixture
def folder(built, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(built, tmp_path / "tiny"))


def one_line(text: str) -> str:
    return rf"^[^\n]*{text}[^\n]*$"


def test_weights_that_are_missing_left_over_or_misshaped_are_named(load, state, tmp_path):
    del state["itm_head.bias"], state["visual_encoder.blocks.1.attn.q_bias"]
    state["Qformer.bert.encoder.layer.9.extra"] = torch.zeros(2)
    state["vision_proj.bias"] = torch.zeros(41)
    torch.save({"model": state}, tmp_path / "changed.pth")
    with pytest.raises(RewardError, match=one_line("don't fit the model")) as caught:
        load(tmp_path / "changed.pth")
    for found in (
        "itm_head.bias",
        "layers.1.self_attn.v_bias",
        "layer.9.extra",
        "vision_projection.bias 41, expected 40",
    ):
        assert found in str(caught.value)


def test_one_wrong_weight_of_each_kind(load, state, tmp_path):
    del state["itm_head.bias"]
    state["extra.weight"] = torch.zeros(2)
    torch.save({"model": state}, tmp_path / "changed.pth")
    with pytest.raises(RewardError, match=r"1 missing \(itm_head\.bias\); 1 unexpected \(extra\.weight\)\.$"):
        load(tmp_path / "changed.pth")


@pytest.mark.parametrize("key", ["query_tokens", "visual_encoder.pos_embed", "text_proj.weight"])
def test_weights_that_show_the_sizes_are_named_when_missing_or_flat(load, state, tmp_path, key):
    kept = state.pop(key)
    torch.save({"model": state}, tmp_path / "changed.pth")
    with pytest.raises(RewardError, match=rf"1 missing \({re.escape(key)}\)"):
        load(tmp_path / "changed.pth")
    torch.save({"model": {**state, key: kept.flatten()}}, tmp_path / "changed.pth")
    with pytest.raises(RewardError, match=rf"1 of another shape \({re.escape(key)} of 1 axes\)"):
        load(tmp_path / "changed.pth")


def test_a_checkpoint_of_something_else(load, tmp_path):
    torch.save({"model": {"layer.weight": torch.zeros(2, 2), "visual_encoder.x": torch.zeros(1)}}, tmp_path / "a.pth")
    with pytest.raises(RewardError, match=one_line(r"a\.pth don't fit the model: 8 missing \(Qformer")):
        load(tmp_path / "a.pth")
    torch.save({"model": {}}, tmp_path / "b.pth")
    with pytest.raises(RewardError, match=one_line("without tensors")):
        load(tmp_path / "b.pth")


def test_an_image_that_is_no_square(load, state, tmp_path):
    state["visual_encoder.pos_embed"] = torch.zeros(1, 256, 64)
    torch.save({"model": state}, tmp_path / "a.pth")
    with pytest.raises(RewardError, match="256 image positions; expected one more than a square"):
        load(tmp_path / "a.pth")


@pytest.mark.parametrize("kept", [0, 100, 900_000])
def test_a_checkpoint_that_is_cut_off(load, checkpoint, tmp_path, kept):
    (tmp_path / "cut.pth").write_bytes(checkpoint.read_bytes()[:kept])
    with pytest.raises(RewardError, match=one_line(r"cut\.pth (is damaged|can't be read)")):
        load(tmp_path / "cut.pth")


def test_files_that_are_not_there(load, checkpoint, tmp_path):
    with pytest.raises(RewardError, match=one_line(r"There is no checkpoint .*blip2_pretrained\.pth")):
        load("blip2_pretrained.pth")
    shutil.copy(checkpoint, tmp_path / "a.pth")
    shutil.copy(checkpoint, tmp_path / "b.pth")
    with pytest.raises(RewardError, match=r"holds several checkpoints \(a\.pth, b\.pth\): name one"):
        load(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RewardError, match=one_line(r"empty is incomplete: config\.json missing")):
        load(tmp_path / "empty")
    with pytest.raises(RewardError, match="revision='main' is for models from the hub"):
        load(checkpoint, revision="main")


def test_the_number_of_heads_is_asked_for_where_the_published_rule_does_not_hold(load, checkpoint):
    with pytest.raises(RewardError, match=one_line("width of 64, .* 88 numbers per head: .* with vision_heads=")):
        load(checkpoint, vision_heads=None)
    with pytest.raises(RewardError, match=one_line("width of 48, .* 64 numbers per head: .* with text_heads=")):
        load(checkpoint, text_heads=None)
    for heads in (5, 0, -4):
        with pytest.raises(RewardError, match=f"{heads} attention heads don't divide a width of .*; set vision_heads="):
            load(checkpoint, vision_heads=heads)


def test_the_published_sizes_follow_from_the_shapes():
    """EVA-CLIP g and a BERT base, as in blip2_finetune_coco.pth; no memory is used."""
    state = {
        "query_tokens": (1, 32, 768),
        "visual_encoder.pos_embed": (1, 677, 1408),
        "visual_encoder.patch_embed.proj.weight": (1408, 3, 14, 14),
        "visual_encoder.blocks.0.mlp.fc1.weight": (6144, 1408),
        "visual_encoder.blocks.0.attn.q_bias": (1408,),
        "visual_encoder.blocks.38.norm1.weight": (1408,),
        "Qformer.bert.embeddings.word_embeddings.weight": (30523, 768),
        "Qformer.bert.embeddings.position_embeddings.weight": (512, 768),
        "Qformer.bert.encoder.layer.0.intermediate.dense.weight": (3072, 768),
        "Qformer.bert.encoder.layer.0.crossattention.self.key.weight": (768, 1408),
        "Qformer.bert.encoder.layer.2.crossattention.self.key.weight": (768, 1408),
        "Qformer.bert.encoder.layer.11.output.dense.weight": (768, 3072),
        "text_proj.weight": (256, 768),
    }
    config = blip2_loading.lavis_config({key: torch.empty(shape, device="meta") for key, shape in state.items()}, "x")
    vision, text = config.vision_config, config.qformer_config
    assert (vision.num_hidden_layers, vision.num_attention_heads, vision.image_size) == (39, 16, 364)
    assert (text.num_hidden_layers, text.num_attention_heads, text.cross_attention_frequency) == (12, 12, 2)
    assert (text.encoder_hidden_size, config.num_query_tokens, config.image_text_hidden_size) == (1408, 32, 256)
    assert (vision.layer_norm_eps, text.layer_norm_eps, vision.qkv_bias) == (1e-6, 1e-12, True)


def test_an_image_tower_in_a_file_of_its_own(load, checkpoint, state, tmp_path, monkeypatch, golden_images):
    prefix = "visual_encoder."
    tower = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    rest = {key: value for key, value in state.items() if not key.startswith(prefix)}
    # EVA's own checkpoint has a layer more than LAVIS runs, and a head.
    tower["blocks.2.norm1.weight"], tower["head.weight"], tower["norm.bias"] = (torch.zeros(64) for _ in range(3))
    torch.save(tower, tmp_path / "tower.pth")
    torch.save({"model": rest}, tmp_path / "rest.pth")
    with pytest.raises(RewardError, match=one_line(r"no image tower .*eva_vit_g\.pth and give it with vision=PATH")):
        load(tmp_path / "rest.pth")
    monkeypatch.setattr(blip2_loading, "VISION_LAYERS", 2)
    both = load(tmp_path / "rest.pth", vision=tmp_path / "tower.pth")
    images, whole = golden_images(["00_square_rgb_256.png"]), load(checkpoint)
    np.testing.assert_array_equal(both.score_matrix(images, TEXTS), whole.score_matrix(images, TEXTS))
    before = both.fingerprint
    torch.save({**tower, "cls_token": tower["cls_token"] + 1}, tmp_path / "tower.pth")
    assert load(tmp_path / "rest.pth", vision=tmp_path / "tower.pth").fingerprint != before
    with pytest.raises(RewardError, match="has an image tower of its own: leave out vision="):
        load(checkpoint, vision=tmp_path / "tower.pth")
    with pytest.raises(RewardError, match="There is no checkpoint"):
        load(tmp_path / "rest.pth", vision=tmp_path / "nowhere.pth")


def test_half_precision_weights_are_computed_in_float32(load, checkpoint, state, tmp_path, golden_images):
    rounded = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    torch.save({"model": rounded}, tmp_path / "half.pth")
    reward = load(tmp_path / "half.pth")
    assert {value.dtype for value in reward._model.parameters()} == {torch.float32}
    images = golden_images(["00_square_rgb_256.png"])
    np.testing.assert_allclose(
        reward.score_matrix(images, TEXTS), load(checkpoint).score_matrix(images, TEXTS), rtol=0, atol=0.05
    )


def test_a_tokenizer_of_another_model_is_refused(load, checkpoint, goldens, tmp_path):
    words = (goldens / "common" / "bert_tiny_tokenizer" / "vocab.txt").read_text(encoding="utf-8")
    (tmp_path / "vocab.txt").write_text(words + "further\n", encoding="utf-8")
    with pytest.raises(RewardError, match=one_line(r"has 296 tokens with \[DEC\]; the model has 295")):
        load(checkpoint, tokenizer=tmp_path)
    with pytest.raises(RewardError, match=one_line("There is no tokenizer in")):
        load(checkpoint, tokenizer=checkpoint.parent)


def test_without_network_the_tokenizer_is_missed_in_one_line(load, checkpoint, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RewardError, match=one_line("google-bert/bert-base-uncased.*can't be reached")):
        load(checkpoint, tokenizer=None)


def test_a_folder_without_tokenizer_says_what_to_give(load_hub_layout, folder, goldens, noise):
    wanted = load_hub_layout(folder).score_matrix([noise()], TEXTS)
    (folder / "vocab.txt").unlink()
    with pytest.raises(RewardError, match=one_line("tiny has no tokenizer: give a folder or hub id with tokenizer=")):
        load_hub_layout(folder)
    reward = load_hub_layout(folder, tokenizer=goldens / "common" / "bert_tiny_tokenizer")
    np.testing.assert_array_equal(reward.score_matrix([noise()], TEXTS), wanted)


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_the_processor_s_image_token_is_no_text(load_hub_layout, folder, noise, head):
    reward = load_hub_layout(folder, head=head)
    with pytest.raises(RewardError, match=one_line("The text 'a <image> dog' holds token 295, which tiny-it[mc] with")):
        reward.score([noise()], ["a <image> dog"])
    assert np.isfinite(reward.score([noise()], ["a [DEC] dog"])).all()


def test_weights_of_the_hub_layout_are_checked(load_hub_layout, folder):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["extra.weight"] = torch.zeros(2)
    del weights["itm_head.bias"]
    weights["vision_projection.bias"] = torch.zeros(41)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(RewardError, match=one_line(r"1 missing \(itm_head.bias\); 1 unexpected \(extra.weight\)")) as e:
        load_hub_layout(folder)
    assert "1 of another shape (vision_projection.bias" in str(e.value)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(RewardError, match=one_line("can't be read")):
        load_hub_layout(folder)
    path.unlink()
    with pytest.raises(RewardError, match=one_line(r"is incomplete: model\.safetensors missing")):
        load_hub_layout(folder)


def change(path: Path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_other_models_and_settings_of_the_hub_layout_are_refused(load_hub_layout, folder, clip_folder):
    with pytest.raises(RewardError, match=r"type 'clip'; expected 'blip-2'.*use 'clip:"):
        load_hub_layout(clip_folder)
    with pytest.raises(RewardError, match="vision_heads: for checkpoints of LAVIS only"):
        load_hub_layout(folder, vision_heads=4)
    with pytest.raises(RewardError, match="revision='main' is for models from the hub"):
        load_hub_layout(folder, revision="main")
    change(folder / "preprocessor_config.json", size={"height": 64, "width": 64})
    with pytest.raises(RewardError, match=r"images of size \(64, 64\); the model takes \(56, 56\)"):
        load_hub_layout(folder)
    change(folder / "config.json", architectures=["Blip2ForConditionalGeneration"])
    with pytest.raises(RewardError, match="holds a Blip2ForConditionalGeneration, which has no matching head"):
        load_hub_layout(folder)


def test_preprocessing_that_is_not_there_is_the_model_s_square(load_hub_layout, folder, noise):
    wanted = load_hub_layout(folder).score_matrix([noise()], TEXTS)
    (folder / "preprocessor_config.json").unlink()
    np.testing.assert_array_equal(load_hub_layout(folder).score_matrix([noise()], TEXTS), wanted)
