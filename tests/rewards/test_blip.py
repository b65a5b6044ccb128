"""BLIP's two heads equal the authors' code on tiny weights, and transformers' own forward."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import RewardError

TEXTS = ["a dog", "a realistic photo of two airplanes", "", "three owls on a fence"]
LONG = "two red airplanes and " * 20


def load(head: str, folder: Path, goldens: Path, **options):
    options = {"tokenizer": goldens / "common" / "bert_tiny_tokenizer", "vision_heads": 4, **options}
    return tia2.load_reward(f"blip-{head}:{folder}", device="cpu", **options)


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "blip_itm" / "expected.json").read_text())


@pytest.fixture(scope="module")
def itm(goldens):
    return load("itm", goldens / "blip_itm", goldens)


@pytest.fixture(scope="module")
def itc(goldens):
    return load("itc", goldens / "blip_itm", goldens)


@pytest.fixture(scope="module")
def hub_layout(goldens, tmp_path_factory):
    """A tiny random BLIP in transformers' layout, with a tokenizer and a preprocessing of its own."""
    from transformers import BlipConfig, BlipForImageTextRetrieval, BlipImageProcessorPil

    folder = tmp_path_factory.mktemp("blip") / "tiny"
    text = {
        "vocab_size": 296, "hidden_size": 48, "encoder_hidden_size": 64, "intermediate_size": 96, "is_decoder": True,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "bos_token_id": 294,
        "sep_token_id": 102, "eos_token_id": 102, "pad_token_id": 0,
    }  # fmt: skip
    vision = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "image_size": 96, "patch_size": 16,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BlipForImageTextRetrieval(BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=32))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    shutil.copy(goldens / "common" / "bert_tiny_tokenizer" / "vocab.txt", folder)
    BlipImageProcessorPil(size={"height": 96, "width": 96}).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_matching_equals_upstream(itm, expected, golden_images, golden_prompts):
    found = itm.score_matrix(golden_images(expected["images"]), golden_prompts).astype(np.float64)
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), expected["itm_prob"], rtol=0, atol=1e-6)
    margins = np.diff(np.array(expected["itm_logits"]))[..., 0]
    np.testing.assert_allclose(found, margins, rtol=0, atol=5e-6)


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_contrast_equals_upstream(itc, expected, golden_images, golden_prompts):
    found = itc.score_matrix(golden_images(expected["images"]), golden_prompts)
    np.testing.assert_allclose(found, expected["itc_cosine"], rtol=0, atol=1e-6)


def reference(folder, goldens, images, texts, **options):
    from transformers import BertTokenizerFast, BlipForImageTextRetrieval, BlipImageProcessorPil

    model = BlipForImageTextRetrieval.from_pretrained(folder).eval()
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    pixels = BlipImageProcessorPil.from_pretrained(folder)(images, return_tensors="pt")["pixel_values"]
    rows = []
    for pixel in pixels:
        row = []
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt")
            with torch.inference_mode():
                given = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}
                row.append(model(pixel_values=pixel[None], **given, **options).itm_score)
        rows.append(row)
    return rows


def test_both_heads_equal_the_forward_of_transformers(hub_layout, goldens, noise):
    images = [noise(seed, (96, 96)) for seed in range(3)]
    pairs = reference(hub_layout, goldens, images, TEXTS, use_itm_head=True)
    margins = [[float(logits[0, 1] - logits[0, 0]) for logits in row] for row in pairs]
    found = load("itm", hub_layout, goldens, tokenizer=None, vision_heads=None).score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, margins, rtol=0, atol=1e-5)
    cosines = reference(hub_layout, goldens, images, TEXTS, use_itm_head=False)
    found = load("itc", hub_layout, goldens, tokenizer=None, vision_heads=None).score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, [[float(cosine) for cosine in row] for row in cosines], rtol=0, atol=1e-6)


def test_the_preprocessing_is_a_square_of_the_whole_image(hub_layout, goldens, noise):
    reward = load("itm", hub_layout, goldens, tokenizer=None, vision_heads=None)
    assert reward.prepare_image(noise(0, (200, 60))).shape == (96, 96, 3)
    assert "crop" not in reward.card.preprocessing


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_pairs_one_by_one_and_the_matrix_agree(request, head, golden_images, expected):
    reward = request.getfixturevalue(head)
    images = golden_images(expected["images"][:4])
    matrix = reward.score_matrix(images, TEXTS)
    np.testing.assert_allclose(reward.score(images, TEXTS), np.diag(matrix), atol=1e-5)
    single = [[reward.score([image], [text])[0] for text in TEXTS] for image in images]
    np.testing.assert_allclose(matrix, single, atol=1e-5)


def test_keys_and_values_of_an_image_are_computed_once_for_all_texts(itm, golden_images, expected):
    rows = []
    keys = [layer.crossattention.self.key for layer in itm._text.encoder.layer]
    hooks = [key.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[0])) for key in keys]
    itm.score_matrix(golden_images(expected["images"][:2]), [f"{number} cats" for number in range(33)])
    for hook in hooks:
        hook.remove()
    assert rows == [1] * 2 * len(keys)


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_long_texts_are_counted_by_words_and_tokens(request, head, goldens, golden_images, expected):
    reward, images = request.getfixturevalue(head), golden_images(expected["images"][:1])
    many_words = " ".join(["a"] * 31)
    assert reward.overlong(["a dog", many_words, LONG, LONG]) == [many_words, LONG]
    with pytest.warns(UserWarning, match="2 of 3 texts are longer than the 35 tokens"):
        reward.score_matrix(images, ["a dog", many_words, LONG])
    strict = load(head, goldens / "blip_itm", goldens, text_policy="error")
    with pytest.raises(RewardError, match="longer than the 35 tokens"):
        strict.score(images, [LONG])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("head", ["itm", "itc"])
def test_half_precision_is_near_and_its_heads_are_float32(request, goldens, golden_images, expected, head, dtype):
    full, images = request.getfixturevalue(head), golden_images(expected["images"])
    half = load(head, goldens / "blip_itm", goldens, dtype=dtype)
    np.testing.assert_allclose(half.score_matrix(images, TEXTS), full.score_matrix(images, TEXTS), atol=0.15)
    assert {value.dtype for head in half._heads.values() for value in head.parameters()} == {torch.float32}
    assert half.fingerprint != full.fingerprint


def test_cards_say_which_head(itm, itc):
    assert (itm.card.kind, itm.card.unit, itm.card.default_temperature) == ("cross-encoder", "log odds of a match", 1.0)
    assert (itc.card.kind, itc.card.range) == ("dual encoder", (-1.0, 1.0))
    assert itm.fingerprint != itc.fingerprint
    for head in ("itm", "itc"):
        shown = tia2.rewards.registry.card(f"blip-{head}")
        assert (shown.name, shown.hub_id) == (f"blip-{head}", "Salesforce/blip-itm-base-coco")


def test_wrong_checkpoints_are_named(goldens, tmp_path, hub_layout):
    source = goldens / "blip_itm" / "blip_itm_tiny.pth"
    state = torch.load(source, weights_only=True)["model"]
    del state["itm_head.bias"]
    state["visual_encoder.blocks.0.extra"] = torch.zeros(2)
    torch.save({"model": state}, tmp_path / "changed.pth")
    message = r"1 missing \(itm_head\.bias\); 1 unexpected \(visual_encoder\.blocks\.0\.extra\)"
    with pytest.raises(RewardError, match=message):
        load("itm", tmp_path / "changed.pth", goldens, text_heads=4)
    (tmp_path / "cut.pth").write_bytes(source.read_bytes()[:9000])
    with pytest.raises(RewardError, match=r"cut\.pth (is damaged|can't be read)[^\n]*$"):
        load("itm", tmp_path / "cut.pth", goldens)
    with pytest.raises(RewardError, match=r"holds several checkpoints \(changed\.pth, cut\.pth\): name one"):
        load("itm", tmp_path, goldens)
    with pytest.raises(RewardError, match="revision='main' is for models from the hub"):
        load("itm", source, goldens, revision="main")
    broken = Path(shutil.copytree(hub_layout, tmp_path / "hub"))
    (broken / "vocab.txt").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: vocab\.txt missing"):
        load("itm", broken, goldens, tokenizer=None, vision_heads=None)


def test_a_clip_is_refused_with_its_family(goldens, clip_folder):
    with pytest.raises(RewardError, match=r"holds a model of type 'clip'; expected 'blip'.*use 'clip:"):
        load("itm", clip_folder, goldens)
