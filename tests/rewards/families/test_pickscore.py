"""`pickscore`: the authors' logits, where tokenizer and preprocessing come from, and foreign files."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer

import tia2
from tia2.errors import RewardError
from tia2.rewards.families.clip.pickscore import CARD, DEFAULT_HUB_ID, PROCESSOR, PickScoreReward

TEXTS = ["a red circle", "two cyan stars", "a red circle and a yellow star"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(goldens):
    return goldens / "pickscore" / "hf"


@pytest.fixture(scope="module")
def reward(folder):
    return tia2.load_reward(f"pickscore:{folder}", device="cpu")


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "pickscore" / "expected.json").read_text())


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture
def offline_hub(monkeypatch, tmp_path):
    """A hub cache without network; returns a function that puts files of a folder into it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def put(hub_id, source, names):
        cached = tmp_path / "hub" / f"models--{hub_id.replace('/', '--')}"
        snapshot = cached / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        (cached / "refs").mkdir()
        (cached / "refs" / "main").write_text(COMMIT)
        for name in names:
            shutil.copy(source / name, snapshot / name)
        return snapshot

    return put


@pytest.mark.filterwarnings("ignore:.*texts are longer")
def test_equals_the_authors_logits(reward, expected, golden_images, golden_prompts):
    wanted = np.array(expected["score_matrix"])
    images = golden_images(expected["images"])
    found = reward.score_matrix(images, golden_prompts)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-5)
    pairs = [(image, text) for image in images for text in golden_prompts]
    single = reward.score([image for image, _ in pairs], [text for _, text in pairs]).reshape(wanted.shape)
    np.testing.assert_allclose(single, wanted, rtol=0, atol=5e-5)
    features = reward.encode_images(images), reward.encode_texts(golden_prompts)
    np.testing.assert_allclose(reward.score_matrix(*features), wanted, rtol=0, atol=5e-5)


@pytest.mark.filterwarnings("ignore:.*texts are longer")
def test_files_of_any_mode_equal_the_authors_logits(reward, expected, goldens, golden_prompts):
    images = [Image.open(goldens / "common" / "images" / name) for name in expected["images"]]
    np.testing.assert_allclose(
        reward.score_matrix(images, golden_prompts), np.array(expected["score_matrix"]), rtol=0, atol=5e-5
    )


@pytest.mark.filterwarnings("ignore:.*texts are longer")
def test_tokens_equal_the_authors_tokens(reward, expected, goldens):
    prompts = json.loads((goldens / "common" / "prompts.json").read_text())
    for prompt in prompts:
        assert reward._loaded.tokens.ids([prompt["text"]])[0] == expected["tokens"][prompt["id"]], prompt["id"]


def test_equals_transformers_own_forward(clip_folder, noise):
    reward = PickScoreReward(clip_folder, device="cpu")
    model = CLIPModel.from_pretrained(clip_folder, dtype=torch.float32)
    images = [noise(seed, size=(41, 30 + seed)) for seed in range(4)]
    pixels = reward._loaded.preprocessing.normalise(np.stack([reward.prepare_image(image) for image in images]))
    tokens = CLIPTokenizer.from_pretrained(clip_folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        wanted = model(pixel_values=torch.from_numpy(pixels), **tokens).logits_per_image
    np.testing.assert_allclose(reward.score_matrix(images, TEXTS), wanted.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batch_size_changes_nothing(clip_folder, noise, batch_size):
    images = [noise(seed) for seed in range(5)]
    wanted = PickScoreReward(clip_folder, device="cpu", batch_size=64).score_matrix(images, TEXTS)
    found = PickScoreReward(clip_folder, device="cpu", batch_size=batch_size).score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_learnt_scale_stays_in_float32(folder, reward, golden_images, dtype):
    low = PickScoreReward(folder, device="cpu", dtype=dtype)
    assert low.card.dtype == dtype
    assert low.card.range == reward.card.range == pytest.approx((-98.5, 98.5), abs=1e-4)
    images = golden_images(["00_square_rgb_256.png", "06_zoneplate_rgb_512.png"])
    found, wanted = low.score_matrix(images, TEXTS), reward.score_matrix(images, TEXTS)
    assert found.dtype == np.float32
    assert len(np.unique(found)) == found.size
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1.5)


def test_card_states_the_facts(reward, folder):
    assert (reward.card.unit, reward.card.text_limit, reward.card.default_temperature) == ("logit", 77, 1.0)
    assert (reward.name, reward.card.hub_id) == ("hf", None)
    assert "centre crop 224x224" in reward.card.preprocessing
    assert reward.card.formula == CARD.formula
    assert CARD.hub_id == DEFAULT_HUB_ID


def test_fingerprint_differs_from_the_cosine_of_the_same_files(reward, folder):
    assert reward.fingerprint != tia2.load_reward(f"clip:{folder}", device="cpu").fingerprint
    assert reward.fingerprint == PickScoreReward(folder, device="cpu", batch_size=2).fingerprint


def test_the_published_model_takes_tokenizer_and_preprocessing_from_where_the_authors_do(
    offline_hub, folder, reward, golden_images
):
    processor = ["preprocessor_config.json", "vocab.json", "merges.txt", "tokenizer_config.json"]
    offline_hub(DEFAULT_HUB_ID, folder, ["config.json", "model.safetensors"])
    with pytest.raises(RewardError, match=rf"^There is no folder '{PROCESSOR}', and the .* can't be reached[^\n]*$"):
        tia2.load_reward("pickscore", device="cpu")
    snapshot = offline_hub(PROCESSOR, folder, processor)
    published = tia2.load_reward("pickscore", device="cpu")
    assert (published.name, published.card.hub_id, published.card.revision) == ("pickscore", DEFAULT_HUB_ID, COMMIT)
    assert published.card.model_dump()["tokenizer"] == PROCESSOR
    images = golden_images(["00_square_rgb_256.png"])
    np.testing.assert_array_equal(published.score_matrix(images, TEXTS), reward.score_matrix(images, TEXTS))
    settings = json.loads((snapshot / "preprocessor_config.json").read_text()) | {"resample": 2}
    (snapshot / "preprocessor_config.json").write_text(json.dumps(settings))
    assert tia2.load_reward("pickscore", device="cpu").fingerprint != published.fingerprint


def test_tokenizer_from_elsewhere(copy, goldens, reward, golden_images):
    for name in ("vocab.json", "merges.txt", "preprocessor_config.json"):
        (copy / name).unlink()
    other = PickScoreReward(copy, device="cpu", tokenizer=goldens / "common" / "clip_tiny_tokenizer")
    images = golden_images(["01_landscape_rgb_333x201.png"])
    np.testing.assert_array_equal(other.score_matrix(images, TEXTS), reward.score_matrix(images, TEXTS))
    with pytest.raises(RewardError, match=r"is incomplete: vocab\.json, merges\.txt missing"):
        PickScoreReward(copy, device="cpu", tokenizer=goldens / "common" / "bert_tiny_tokenizer")


def test_missing_weights_and_foreign_models(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: model\.safetensors missing"):
        PickScoreReward(copy)
    (copy / "config.json").write_text(json.dumps({"model_type": "siglip"}))
    with pytest.raises(RewardError, match=r"type 'siglip'; expected 'clip', transformers' CLIPModel\. For .*'siglip:"):
        PickScoreReward(copy)
    with pytest.raises(RewardError, match="is for models from the hub"):
        PickScoreReward(copy, revision="main")


@pytest.mark.parametrize("kept", [0, 100])
def test_merges_that_are_cut_off(copy, kept):
    """They would load, and break every word into letters."""
    lines = (copy / "merges.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / "merges.txt").write_text("".join(lines[:kept]), encoding="utf-8")
    with pytest.raises(RewardError, match=r"no merge of the tokenizer makes \d+ of its tokens.* is cut off"):
        PickScoreReward(copy)


def test_over_long_texts_follow_the_policy(folder, golden_prompts, golden_images):
    images = golden_images(["00_square_rgb_256.png"])
    long = [text for text in golden_prompts if len(text) > 300]
    with pytest.raises(RewardError, match=r"1 of 1 texts are longer than the 77 tokens of hf"):
        PickScoreReward(folder, device="cpu", text_policy="error").score_matrix(images, long)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PickScoreReward(folder, device="cpu", text_policy="error").score_matrix(images, TEXTS)
