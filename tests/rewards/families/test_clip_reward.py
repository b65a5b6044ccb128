"""The `clip:` family: upstream's numbers, and damaged or foreign files."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer

import tia2
from tia2.errors import RewardError, UnknownNameError
from tia2.rewards.families.clip.clip import ClipReward
from tia2.rewards.loading.pixels import Preprocessing
from tia2.rgb import to_rgb

TEXTS = ["a red circle", "two cyan stars", "three blue squares", "a red circle and a yellow star"]
LONG = "a cyan star left of " * 8 + "a green star"


@pytest.fixture(scope="module")
def upstream(oracles_dir):
    expected = json.loads((oracles_dir / "clip_score" / "expected.json").read_text())
    texts = [prompt["text"] for prompt in json.loads((oracles_dir / "common" / "prompts.json").read_text())]
    images = [oracles_dir / "common" / "images" / name for name in expected["images"]]
    return images, texts, np.array(expected["hf"]["cosine"])


@pytest.mark.upstream
@pytest.mark.filterwarnings("ignore:.*texts are longer")
def test_equals_upstream_scores(oracles_dir, upstream):
    paths, texts, expected = upstream
    reward = tia2.load_reward(f"clip:{oracles_dir / 'clip_score' / 'hf'}", device="cpu")
    images = [Image.open(path) for path in paths]
    np.testing.assert_allclose(reward.score_matrix(images, texts), expected, rtol=0, atol=1e-6)
    pairs = [(image, text) for image in images for text in texts]
    scores = reward.score([image for image, _ in pairs], [text for _, text in pairs])
    np.testing.assert_allclose(scores.reshape(expected.shape), expected, rtol=0, atol=1e-6)


@pytest.mark.upstream
def test_features_equal_upstream_features(oracles_dir, upstream):
    paths, _, _ = upstream
    reward = ClipReward(oracles_dir / "clip_score" / "hf", device="cpu")
    stored = np.load(oracles_dir / "clip_score" / "intermediate.npz")["hf_image_features"]
    stored = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    images = [Image.open(path) for path in paths]
    np.testing.assert_allclose(reward.encode_images(images), stored, rtol=0, atol=1e-6)


def test_equals_transformers_own_forward(clip, clip_folder, noise):
    model = CLIPModel.from_pretrained(clip_folder, dtype=torch.float32)
    tokenizer = CLIPTokenizer.from_pretrained(clip_folder)
    images = [noise(seed) for seed in range(3)]
    processor = Preprocessing.from_config(json.loads((clip_folder / "preprocessor_config.json").read_text()))
    pixels = torch.from_numpy(processor.normalise(np.stack([processor.pixels(image) for image in images])))
    with torch.inference_mode():
        out = model(pixel_values=pixels, **tokenizer(TEXTS, padding=True, return_tensors="pt"))
        cosine = out.logits_per_image / model.logit_scale.exp()
    np.testing.assert_allclose(clip.score_matrix(images, TEXTS), cosine.numpy(), rtol=0, atol=1e-6)


def test_encode_once_equals_one_by_one(clip, noise):
    images = [noise(seed, size=(30 + seed, 40)) for seed in range(5)]
    matrix = clip.score_matrix(images, TEXTS)
    single = [[clip.score([image], [text])[0] for text in TEXTS] for image in images]
    assert matrix.dtype == np.float32
    assert matrix.shape == (5, len(TEXTS))
    np.testing.assert_allclose(matrix, single, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_batch_size_and_order_change_nothing(clip, clip_folder, noise, batch_size):
    images = [noise(seed) for seed in range(5)]
    other = ClipReward(clip_folder, device="cpu", batch_size=batch_size)
    expected = clip.score_matrix(images, TEXTS)
    np.testing.assert_allclose(other.score_matrix(images, TEXTS), expected, rtol=0, atol=1e-6)
    turned = other.score_matrix(images[::-1], TEXTS[::-1])[::-1, ::-1]
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-6)
    assert len(np.unique(expected)) == expected.size


def test_repeats_are_bit_identical_and_threads_are_left_alone(clip, noise):
    before = torch.get_num_threads()
    images = [noise(seed) for seed in range(3)]
    first, second = clip.score_matrix(images, TEXTS), clip.score_matrix(images, TEXTS)
    assert first.tobytes() == second.tobytes()
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "1", "YCbCr", "HSV", "I"])
def test_any_image_mode(clip, noise, mode):
    image = noise(mode="L").convert("I").point(lambda level: level * 257) if mode in ("I", "I;16") else noise(mode=mode)
    image = image.convert("I;16") if mode == "I;16" else image
    assert image.mode == mode
    before = image.tobytes()
    found = clip.score([image], TEXTS[:1])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, clip.score([to_rgb(image)], TEXTS[:1]), atol=0)
    assert (image.mode, image.tobytes()) == (mode, before)


@pytest.mark.parametrize("size", [(1, 1), (4000, 10), (10, 4000), (33, 32)])
def test_any_image_size(clip, noise, size):
    assert np.isfinite(clip.score([noise(size=size)], TEXTS[:1])).all()


@pytest.mark.parametrize("text", ["", " ", "\n\t", "日本語の城 🌸", "‘naïve’ &amp; “é”", "\x00", "<|endoftext|> a cat"])
def test_any_text(clip, noise, text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(clip.score([noise()], [text])).all()


def test_long_texts_are_cut_before_the_end_token_and_counted(clip, noise):
    image = noise()
    with pytest.warns(UserWarning, match=r"1 of 2 texts are longer than the 16 tokens of tiny and were cut"):
        cut = clip.score_matrix([image], [LONG, TEXTS[0]])
    assert clip.overlong([LONG, TEXTS[0], LONG]) == [LONG]
    with pytest.warns(UserWarning, match="1 of 1 texts are longer"):
        same_start = clip.score_matrix([image], [LONG + " and much more"])
    np.testing.assert_allclose(cut[0, 0], same_start[0, 0], atol=1e-6)
    kept = clip._loaded.tokens._tokenizer(LONG, truncation=True, max_length=16)["input_ids"]
    assert clip._loaded.tokens.ids([LONG])[0] == kept


def test_what_follows_an_end_token_is_counted_as_cut(clip, clip_folder, noise):
    """The tower pools at the first end token, so what a prompt holds behind it changes nothing."""
    text = f"{TEXTS[0]}<|endoftext|> and two cats"
    with pytest.warns(UserWarning, match=r"1 of 2 texts are longer than .* tiny, or hold its end token, and were cut"):
        both = clip.score_matrix([noise()], [text, TEXTS[0]])
    assert both[0, 0] == pytest.approx(both[0, 1], abs=1e-6)
    assert clip.overlong([text, TEXTS[0]]) == [text]
    with pytest.raises(RewardError, match="or hold its end token"):
        ClipReward(clip_folder, device="cpu", text_policy="error").score([noise()], [text])


def test_long_texts_can_be_refused(clip_folder, noise):
    strict = ClipReward(clip_folder, device="cpu", text_policy="error")
    with pytest.raises(RewardError, match=r"1 of 1 texts are longer than the 16 tokens.*text_policy='truncate'"):
        strict.score([noise()], [LONG])
    assert strict.card.text_policy == "error"


def test_wrong_input_is_named(clip, noise):
    with pytest.raises(RewardError, match="1 images and 2 texts"):
        clip.score([noise()], ["a", "b"])
    with pytest.raises(RewardError, match="Expected a list of texts, got the single text 'a cat'"):
        clip.score_matrix([noise()], "a cat")
    with pytest.raises(RewardError, match="Expected texts, got None of type NoneType"):
        clip.score([noise()], [None])
    with pytest.raises(RewardError, match=r"Expected a PIL image, got ndarray"):
        clip.score([np.zeros((3, 3, 3))], ["a"])


def test_nothing_gives_nothing(clip, noise):
    assert clip.score([], []).shape == (0,)
    assert clip.score_matrix([], TEXTS).shape == (0, len(TEXTS))
    assert clip.score_matrix([noise()], []).shape == (1, 0)


def test_card_states_the_facts_and_card_json_comes_first(clip, clip_copy):
    assert (clip.card.unit, clip.card.range, clip.card.text_limit) == ("cosine", (-1.0, 1.0), 16)
    assert "shorter side 32 bicubic" in clip.card.preprocessing
    facts = {"licence": "CC0-1.0", "default_temperature": 0.05, "seed": 3, "name": "other"}
    (clip_copy / "card.json").write_text(json.dumps(facts))
    card = ClipReward(clip_copy, device="cpu").card
    assert (card.licence, card.default_temperature, card.name) == ("CC0-1.0", 0.05, "tiny")
    assert card.model_dump()["seed"] == 3
    (clip_copy / "card.json").write_text(json.dumps({"range": "high"}))
    with pytest.raises(RewardError, match=r"card\.json: range"):
        _ = ClipReward(clip_copy, device="cpu").card


def test_fingerprint_follows_what_changes_a_reward(clip, clip_folder, clip_copy):
    def fingerprint(**options):
        return ClipReward(clip_copy, device="cpu", **options).fingerprint

    assert fingerprint() == clip.fingerprint
    assert fingerprint(batch_size=3, name="other") == clip.fingerprint
    (clip_copy / "card.json").write_text("{}")
    assert fingerprint() == clip.fingerprint
    assert fingerprint(dtype="bf16") != clip.fingerprint
    changed = json.loads((clip_copy / "preprocessor_config.json").read_text()) | {"resample": 2}
    (clip_copy / "preprocessor_config.json").write_text(json.dumps(changed))
    assert fingerprint() != clip.fingerprint


def test_half_precision_weights_run_in_float32_unless_asked(clip, clip_folder, noise):
    assert clip._loaded.dtype == torch.float32
    low = ClipReward(clip_folder, device="cpu", dtype="bfloat16")
    assert (low._loaded.dtype, low.card.dtype) == (torch.bfloat16, "bfloat16")
    found = low.score([noise()], TEXTS[:1])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, clip.score([noise()], TEXTS[:1]), atol=0.03)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"])
def test_missing_files_are_listed(clip_copy, name):
    (clip_copy / name).unlink()
    expected = "vocab.json, merges.txt" if name == "tokenizer.json" else name
    with pytest.raises(RewardError, match=f"is incomplete: {expected} missing"):
        ClipReward(clip_copy)


def test_truncated_weights(clip_copy):
    weights = clip_copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(RewardError, match=r"^The weights of .* can't be read: [^\n]*$"):
        ClipReward(clip_copy)


def test_weights_that_do_not_fit_list_their_keys(clip_copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(clip_copy / "model.safetensors")
    weights["surplus"] = weights.pop("visual_projection.weight")
    weights["text_projection.weight"] = torch.zeros(3, 3)
    save_file(weights, clip_copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardError) as error:
        ClipReward(clip_copy)
    assert "1 missing (visual_projection.weight)" in str(error.value)
    assert "1 unexpected (surplus)" in str(error.value)
    assert "1 of another shape (text_projection.weight)" in str(error.value)


def test_another_architecture(clip_copy):
    (clip_copy / "config.json").write_text(json.dumps({"model_type": "siglip"}))
    with pytest.raises(RewardError, match="model of type 'siglip'; expected 'clip'"):
        ClipReward(clip_copy)
    (clip_copy / "config.json").write_text("{")
    with pytest.raises(RewardError, match=r"config\.json can't be read"):
        ClipReward(clip_copy)


def test_tokenizer_of_another_model(clip_copy):
    config = json.loads((clip_copy / "config.json").read_text())
    config["text_config"]["eos_token_id"] -= 1
    (clip_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(RewardError, match="The tokenizer files belong to another model"):
        ClipReward(clip_copy)


def test_preprocessing_of_another_size(clip_copy):
    settings = json.loads((clip_copy / "preprocessor_config.json").read_text())
    settings["crop_size"] = 24
    (clip_copy / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(RewardError, match=r"\(24, 24\); the model takes \(32, 32\)"):
        ClipReward(clip_copy)


def test_no_network_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        RewardError, match=r"^There is no folder 'nobody/nothing', and the .* Hub can't be reached[^\n]*$"
    ):
        tia2.load_reward("clip:nobody/nothing")
    with pytest.raises(RewardError, match=r"no hub id"):
        tia2.load_reward("clip:./not/here")


def test_hub_models_come_from_the_cache_with_their_commit(monkeypatch, tmp_path, clip_folder, noise, clip):
    import shutil

    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--org--tiny"
    shutil.copytree(clip_folder, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    reward = tia2.load_reward("clip:org/tiny", device="cpu", revision="main")
    assert (reward.name, reward.card.hub_id, reward.card.revision) == ("org/tiny", "org/tiny", commit)
    np.testing.assert_allclose(reward.score([noise()], TEXTS[:1]), clip.score([noise()], TEXTS[:1]), atol=0)


def test_wrong_options(clip_folder):
    with pytest.raises(UnknownNameError, match=r"Unknown dtype 'fp31'. Did you mean 'fp32'"):
        ClipReward(clip_folder, dtype="fp31")
    with pytest.raises(UnknownNameError, match=r"Unknown device 'cpuu'. Did you mean 'cpu'"):
        ClipReward(clip_folder, device="cpuu")
    with pytest.raises(RewardError, match=r"The device 'cuda:99' is not there for this PyTorch"):
        ClipReward(clip_folder, device="cuda:99")
    with pytest.raises(RewardError, match="expected 'truncate' or 'error'"):
        ClipReward(clip_folder, text_policy="cut")
    with pytest.raises(RewardError, match="is for models from the hub"):
        ClipReward(clip_folder, revision="main")


def test_mini_rewards_without_weights_say_so(monkeypatch, tmp_path):
    monkeypatch.setattr("tia2.rewards.families.mini.files", lambda package: tmp_path)
    with pytest.raises(RewardError, match="The weights of 'mini-strong' are not in this installation"):
        tia2.load_reward("mini-strong")


def test_mini_rewards_keep_their_name(monkeypatch, tmp_path, clip_folder):
    import shutil

    shutil.copytree(clip_folder, tmp_path / "assets" / "rewards" / "mini-web")
    monkeypatch.setattr("tia2.rewards.families.mini.files", lambda package: tmp_path)
    assert tia2.load_reward("mini-web", device="cpu").name == "mini-web"


def test_scores_from_many_threads(clip, noise):
    from concurrent.futures import ThreadPoolExecutor

    images = [noise(seed) for seed in range(4)]
    expected = clip.score_matrix(images, TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: clip.score_matrix(images, TEXTS), range(8)):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_folder_paths_with_spaces(clip_folder, tmp_path, noise):
    import shutil

    folder = shutil.copytree(clip_folder, tmp_path / "my models: a [1]")
    assert tia2.load_reward(f"clip:{folder}", device="cpu").name == Path(folder).name
