"""The `siglip:` family: transformers' own forward, texts filled up on the right, NaFlex, and foreign files."""

from __future__ import annotations

import json
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModel,
    GemmaTokenizer,
    Siglip2Config,
    Siglip2ImageProcessorPil,
    Siglip2Model,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)
from transformers.utils import is_sentencepiece_available

import tia2
from tia2.errors import MissingDependencyError, RewardError
from tia2.rewards.families.clip.clip import ClipReward
from tia2.rewards.families.siglip.naflex import NaflexPreprocessing
from tia2.rewards.families.siglip.siglip import CARD, SiglipReward

TEXTS = ["a red circle", "two cyan stars", "A Red Circle and a YELLOW star", "", "café, 日本 — “stars”!"]
LONG = "a cyan star left of " * 9 + "a green star"
LIMIT = 24


def tokenizer_files(folder, tokenizer_class=GemmaTokenizer, **options):
    """A tokenizer like Gemma's, which SigLIP 2 uses, trained on the spot."""
    bpe = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    bpe.normalizer = normalizers.Replace(" ", "▁")
    bpe.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special)
    bpe.train_from_iterator([*TEXTS, LONG], trainer)
    trained = json.loads(bpe.to_str())["model"]
    made = tokenizer_class(
        vocab=trained["vocab"],
        merges=[tuple(pair) for pair in trained["merges"]],
        **{
            "add_bos_token": False,
            "add_eos_token": True,
            "model_max_length": LIMIT,
            "padding_side": "right",
            **options,
        },
    )
    made.save_pretrained(folder)
    return len(made)


def build(folder, *, naflex=False, resample=2, **tokenizer):
    vocabulary = tokenizer_files(folder, **tokenizer)
    tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**tower, "vocab_size": vocabulary, "max_position_embeddings": LIMIT, "projection_size": 32}
    if naflex:
        config = Siglip2Config(text_config=text, vision_config={**tower, "patch_size": 8, "num_patches": 16})
        settings = {"image_processor_type": "Siglip2ImageProcessor", "patch_size": 8, "max_num_patches": 20}
    else:
        config = SiglipConfig(text_config=text, vision_config={**tower, "image_size": 32, "patch_size": 8})
        settings = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 32, "width": 32}}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = (Siglip2Model if naflex else SiglipModel)(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
            model.logit_scale.fill_(4.7)
            model.logit_bias.fill_(-12.9)
    model.save_pretrained(folder)
    half = [0.5, 0.5, 0.5]
    settings |= {"image_mean": half, "image_std": half, "resample": resample, "do_convert_rgb": None, "do_resize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("siglip") / "tiny-siglip")


@pytest.fixture(scope="module")
def naflex_folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("siglip") / "tiny-naflex", naflex=True, tokenizer_class=Siglip2Tokenizer)


@pytest.fixture(scope="module")
def reward(folder):
    return tia2.load_reward(f"siglip:{folder}", device="cpu")


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture
def images(noise):
    # Shapes that every Pillow resizes alike: of portraits, Pillow 13 shrinks the height first.
    return [noise(seed, size=size) for seed, size in enumerate([(50, 40), (64, 64), (90, 33), (20, 20)])]


def forward(folder, images, texts, processor):
    """What transformers says, from its own processor, tokenizer and model."""
    model = AutoModel.from_pretrained(folder, dtype=torch.float32)
    tokenizer = Siglip2Tokenizer.from_pretrained(folder)
    tokens = tokenizer(texts, padding="max_length", max_length=LIMIT, truncation=True, return_tensors="pt")
    inputs = processor.from_pretrained(folder)(images=images, return_tensors="pt")
    with torch.inference_mode():
        return model(input_ids=tokens["input_ids"], **inputs).logits_per_image.numpy()


@pytest.mark.filterwarnings("ignore:.*texts are longer")
@pytest.mark.parametrize("resample", [2, 3])
def test_equals_transformers_own_forward(folder, tmp_path, images, resample):
    other = shutil.copytree(folder, tmp_path / "other")
    settings = json.loads((other / "preprocessor_config.json").read_text()) | {"resample": resample}
    (other / "preprocessor_config.json").write_text(json.dumps(settings))
    texts = [*TEXTS, LONG]
    wanted = forward(other, images, texts, SiglipImageProcessorPil)
    found = SiglipReward(other, device="cpu").score_matrix(images, texts)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-5)
    assert np.ptp(wanted) > 1


def test_the_filter_of_the_configuration_decides(folder, tmp_path, images):
    scores = []
    for resample in (2, 3):
        other = shutil.copytree(folder, tmp_path / str(resample))
        settings = json.loads((other / "preprocessor_config.json").read_text()) | {"resample": resample}
        (other / "preprocessor_config.json").write_text(json.dumps(settings))
        scores.append(SiglipReward(other, device="cpu").score_matrix(images, TEXTS))
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_texts_are_filled_up_on_the_right_without_a_mask(reward, folder, images):
    """The same model with the text merely as long as it is, or filled up on the left, says something else."""
    tokenizer = Siglip2Tokenizer.from_pretrained(folder)
    model = SiglipModel.from_pretrained(folder, dtype=torch.float32)
    row = tokenizer(TEXTS[0])["input_ids"]
    filling = [tokenizer.pad_token_id] * (LIMIT - len(row))

    def features(tokens):
        with torch.inference_mode():
            found = model.get_text_features(input_ids=torch.tensor([tokens])).pooler_output
        return (found / found.norm()).numpy()

    found = reward.encode_texts(TEXTS[:1])
    np.testing.assert_allclose(found, features(row + filling), rtol=0, atol=1e-6)
    assert np.abs(found - features(row)).max() > 1e-3
    assert np.abs(found - features(filling + row)).max() > 1e-3


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_tokenizer_that_fills_up_on_the_left_changes_nothing(copy, reward, images, side):
    tokenizer_files(copy, padding_side=side)
    found = SiglipReward(copy, device="cpu").score_matrix(images, TEXTS)
    np.testing.assert_array_equal(found, reward.score_matrix(images, TEXTS))


def test_capitals_as_in_training(reward, copy, images):
    """SigLIP 2 names Gemma's tokenizer, which keeps them; another tokenizer decides for itself."""
    lower = [text.lower() for text in TEXTS]
    np.testing.assert_array_equal(reward.score_matrix(images, TEXTS), reward.score_matrix(images, lower))
    assert reward.card.model_dump()["tokenizer"] == "Siglip2Tokenizer, lower-cases"
    settings = json.loads((copy / "tokenizer_config.json").read_text()) | {"tokenizer_class": "TokenizersBackend"}
    (copy / "tokenizer_config.json").write_text(json.dumps(settings))
    keeping = SiglipReward(copy, device="cpu")
    assert keeping.card.model_dump()["tokenizer"] == "TokenizersBackend, keeps capitals"
    assert np.abs(keeping.score_matrix(images, TEXTS[2:3]) - keeping.score_matrix(images, lower[2:3])).max() > 1e-3


@pytest.mark.filterwarnings("ignore:.*texts are longer")
def test_naflex_equals_transformers_own_forward(naflex_folder, noise):
    sizes = [(50, 40), (64, 64), (90, 33), (20, 20), (200, 31), (300, 8), (1, 1)]
    images = [noise(seed, size=size) for seed, size in enumerate(sizes)]
    texts = [*TEXTS, LONG]
    wanted = np.concatenate([forward(naflex_folder, [image], texts, Siglip2ImageProcessorPil) for image in images])
    reward = tia2.load_reward(f"siglip:{naflex_folder}", device="cpu")
    np.testing.assert_allclose(reward.score_matrix(images, texts), wanted, rtol=0, atol=5e-5)
    assert "at most 20 patches of 8x8" in reward.card.preprocessing


@pytest.mark.parametrize("size", [(1, 1), (10, 4000), (4000, 10), (480, 640), (333, 201), (16, 16), (37, 1021)])
def test_naflex_sizes_equal_transformers(size):
    from transformers.models.siglip2.image_processing_pil_siglip2 import get_image_size_for_max_num_patches

    for most in (1, 16, 256, 1024):
        wanted = get_image_size_for_max_num_patches(*size, patch_size=16, max_num_patches=most)
        assert NaflexPreprocessing.from_config({"max_num_patches": most}).size(*size) == wanted


def test_naflex_with_other_patches_is_refused(naflex_folder, tmp_path):
    other = shutil.copytree(naflex_folder, tmp_path / "other")
    settings = json.loads((other / "preprocessor_config.json").read_text())
    (other / "preprocessor_config.json").write_text(json.dumps(settings | {"patch_size": 16}))
    with pytest.raises(RewardError, match=r"gives patches of 16 pixels; the model takes 8"):
        SiglipReward(other)
    (other / "preprocessor_config.json").write_text(json.dumps(settings | {"max_num_patches": 0}))
    with pytest.raises(RewardError, match=r"max_num_patches 0 .* expected two positive numbers"):
        SiglipReward(other)


@pytest.mark.parametrize("kind", ["folder", "naflex_folder"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_batch_size_changes_nothing(request, noise, kind, batch_size):
    images = [noise(seed, size=(20 + 7 * seed, 50)) for seed in range(5)]
    source = request.getfixturevalue(kind)
    wanted = SiglipReward(source, device="cpu", batch_size=64).score_matrix(images, TEXTS)
    found = SiglipReward(source, device="cpu", batch_size=batch_size).score_matrix(images, TEXTS)
    # Processors sum batches of another size in another order: on some, 8 float32 steps of a logit near 29.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-5)
    reward = SiglipReward(source, device="cpu")
    single = [[reward.score([image], [text])[0] for text in TEXTS] for image in images[:2]]
    np.testing.assert_allclose(single, wanted[:2], rtol=0, atol=5e-5)


def test_scores_from_many_threads(reward, images):
    expected = reward.score_matrix(images, TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: reward.score_matrix(images, TEXTS), range(8)):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["folder", "naflex_folder"])
def test_scale_and_bias_stay_in_float32(request, images, kind, dtype):
    source = request.getfixturevalue(kind)
    low, high = SiglipReward(source, device="cpu", dtype=dtype), SiglipReward(source, device="cpu")
    assert (low.card.dtype, low.card.range) == (dtype, high.card.range)
    assert high.card.range == pytest.approx((-12.9 - np.exp(4.7), -12.9 + np.exp(4.7)), abs=1e-4)
    found, wanted = low.score_matrix(images, TEXTS), high.score_matrix(images, TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3)


def test_card_says_that_the_reward_is_the_logit(reward):
    assert (reward.card.unit, reward.card.default_temperature, reward.card.text_limit) == ("logit", 1.0, LIMIT)
    assert "sigmoid" in CARD.notes
    assert "resize 32x32 bilinear" in reward.card.preprocessing
    assert reward.name == "tiny-siglip"


def test_fingerprint_follows_what_changes_a_reward(copy, reward):
    assert SiglipReward(copy, device="cpu", batch_size=2).fingerprint == reward.fingerprint
    assert SiglipReward(copy, device="cpu", dtype="bf16").fingerprint != reward.fingerprint
    settings = json.loads((copy / "tokenizer_config.json").read_text()) | {"tokenizer_class": "TokenizersBackend"}
    (copy / "tokenizer_config.json").write_text(json.dumps(settings))
    assert SiglipReward(copy, device="cpu").fingerprint != reward.fingerprint


def test_long_texts_are_cut_as_transformers_cuts_them(reward, folder, images):
    tokenizer = Siglip2Tokenizer.from_pretrained(folder)
    tokens = reward._loaded.tokens
    assert len(tokens.uncut([LONG])[0]) > LIMIT
    assert tokens.ids([LONG])[0] == tokenizer(LONG, truncation=True, max_length=LIMIT)["input_ids"]
    with pytest.warns(UserWarning, match=rf"1 of 2 texts are longer than the {LIMIT} tokens of tiny-siglip"):
        reward.score_matrix(images[:1], [LONG, TEXTS[0]])
    with pytest.raises(RewardError, match="1 of 1 texts are longer"):
        SiglipReward(folder, device="cpu", text_policy="error").score(images[:1], [LONG])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reward.score_matrix(images[:1], TEXTS)


def test_foreign_models_name_the_right_family(folder, clip_folder):
    with pytest.raises(RewardError, match=r"type 'clip'; expected 'siglip', transformers' SiglipModel or .*use 'clip:"):
        SiglipReward(clip_folder)
    with pytest.raises(RewardError, match=r"type 'siglip'; expected 'clip', transformers' CLIPModel\. .*use 'siglip:"):
        ClipReward(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"])
def test_missing_files_are_listed(copy, name):
    (copy / name).unlink()
    expected = "spiece.model" if name == "tokenizer.json" else name
    with pytest.raises(RewardError, match=f"is incomplete: {expected} missing"):
        SiglipReward(copy)


def test_damaged_and_foreign_files_are_one_line(copy, tmp_path):
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    with pytest.raises(RewardError, match=r"^The weights of .* can't be read: [^\n]*$"):
        SiglipReward(copy)
    weights.write_bytes(content)
    settings = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps(settings | {"size": {"height": 24, "width": 24}}))
    with pytest.raises(RewardError, match=r"\(24, 24\); the model takes \(32, 32\)"):
        SiglipReward(copy)
    (copy / "preprocessor_config.json").write_text(json.dumps(settings))
    config = json.loads((copy / "config.json").read_text())
    config["text_config"]["hidden_size"] = 33
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(RewardError, match=r"^The weights of [^\n]*$"):
        SiglipReward(copy)


def test_tokenizer_of_another_model(copy):
    config = json.loads((copy / "config.json").read_text())
    config["text_config"]["vocab_size"] = 100
    (copy / "config.json").write_text(json.dumps(config))
    SiglipModel(SiglipConfig.from_pretrained(copy)).save_pretrained(copy)
    with pytest.raises(RewardError, match=r"tokens, the model 100\. The tokenizer files belong to another model"):
        SiglipReward(copy)
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(RewardError, match=r"^The tokenizer of .* can't be read: [^\n]*$"):
        SiglipReward(copy)


def test_siglip_1_says_which_packages_its_tokenizer_needs(copy, monkeypatch):
    (copy / "tokenizer.json").unlink()
    (copy / "spiece.model").write_bytes(b"x")
    (copy / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "SiglipTokenizer"}))
    monkeypatch.setattr("transformers.utils.is_sentencepiece_available", lambda: False)
    with pytest.raises(MissingDependencyError, match=r"needs sentencepiece and protobuf.*pip install 'tia2\[siglip\]'"):
        SiglipReward(copy)


@pytest.mark.skipif(not is_sentencepiece_available(), reason="sentencepiece is not installed")
def test_siglip_1_equals_transformers_own_forward(copy, images):
    import io

    import sentencepiece
    from transformers import SiglipTokenizer

    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text.lower() for text in [*TEXTS, LONG] if text] * 20),
        model_writer=trained,
        vocab_size=60,
        hard_vocab_limit=False,
        bos_id=-1,
        pad_id=-1,
        eos_id=1,
        unk_id=2,
        num_threads=1,
        byte_fallback=False,
    )
    (copy / "tokenizer.json").unlink()
    (copy / "spiece.model").write_bytes(trained.getvalue())
    SiglipTokenizer(str(copy / "spiece.model"), model_max_length=LIMIT).save_pretrained(copy)
    tokens = SiglipTokenizer.from_pretrained(copy)(
        TEXTS, padding="max_length", max_length=LIMIT, truncation=True, return_tensors="pt"
    )
    pixels = SiglipImageProcessorPil.from_pretrained(copy)(images=images, return_tensors="pt")
    with torch.inference_mode():
        out = SiglipModel.from_pretrained(copy, dtype=torch.float32)(input_ids=tokens["input_ids"], **pixels)
    found = SiglipReward(copy, device="cpu").score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, out.logits_per_image.numpy(), rtol=0, atol=5e-5)


def test_images_of_any_mode(reward, noise):
    plain = noise(3, size=(40, 40))
    rgba = plain.convert("RGBA")
    rgba.putalpha(Image.new("L", (40, 40), 7))
    np.testing.assert_array_equal(reward.score([rgba], TEXTS[:1]), reward.score([plain], TEXTS[:1]))
