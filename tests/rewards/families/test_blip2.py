"""BLIP-2's two heads: LAVIS' numbers on its own checkpoint, transformers' own forward, and what is computed once."""

from __future__ import annotations

import json
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import RewardError
from tia2.rewards import registry
from tia2.rewards.families.blip import blip2
from tia2.rewards.families.blip.blip2_loading import LAVIS_EPS

build = runpy.run_path(str(Path(__file__).parent / "tiny_blip2.py"))["build"]

TEXTS = ["a dog", "a realistic photo of two airplanes", "", "three owls on a fence", "Un café — 日本 🌸"]
LONG = "two red airplanes and " * 20
OPTIONS = {"vision_heads": 4, "text_heads": 4}


def load(head: str, source: Path, goldens: Path, **options):
    return tia2.load_reward(
        f"blip2-{head}:{source}",
        device="cpu",
        **{"tokenizer": goldens / "common" / "bert_tiny_tokenizer", **OPTIONS, **options},
    )


@pytest.fixture(scope="module")
def checkpoint(goldens):
    return goldens / "blip2_itm" / "blip2_tiny.pth"


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "blip2_itm" / "expected.json").read_text())


@pytest.fixture(scope="module")
def itm(goldens, checkpoint):
    return load("itm", checkpoint, goldens)


@pytest.fixture(scope="module")
def itc(goldens, checkpoint):
    return load("itc", checkpoint, goldens)


@pytest.fixture(scope="module", params=[None, 295], ids=["without image token", "with image token"])
def hub_layout(request, goldens, tmp_path_factory):
    folder = tmp_path_factory.mktemp("blip2") / "tiny"
    vocabulary = goldens / "common" / "bert_tiny_tokenizer" / "vocab.txt"
    return build(folder, vocabulary, image_token_index=request.param)


def sigmoid(values):
    return 1 / (1 + np.exp(-values.astype(np.float64)))


@pytest.mark.filterwarnings("ignore:.*were cut")
@pytest.mark.parametrize(("processed", "key"), [(True, "processed"), (False, "raw_text")])
def test_both_heads_equal_lavis(goldens, checkpoint, expected, golden_images, golden_prompts, processed, key):
    images = golden_images(expected["images"])
    matching = load("itm", checkpoint, goldens, caption_processor=processed).score_matrix(images, golden_prompts)
    np.testing.assert_allclose(sigmoid(matching), expected[f"itm_prob_{key}"], rtol=0, atol=1e-6)
    contrast = load("itc", checkpoint, goldens, caption_processor=processed).score_matrix(images, golden_prompts)
    np.testing.assert_allclose(contrast, expected[f"itc_{key}"], rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_captions_are_processed_unless_asked_otherwise_and_the_margin_is_that_of_the_logits(
    itm, itc, expected, golden_images, golden_prompts
):
    images = golden_images(expected["images"])
    margins = np.diff(np.array(expected["itm_logits_processed"]))[..., 0]
    np.testing.assert_allclose(itm.score_matrix(images, golden_prompts), margins, rtol=0, atol=5e-6)
    np.testing.assert_allclose(itc.score_matrix(images, golden_prompts), expected["itc_processed"], rtol=0, atol=1e-6)


def test_tokens_equal_those_of_lavis(goldens, checkpoint, expected):
    prompts = json.loads((goldens / "common" / "prompts.json").read_text())
    for processed, key in ((True, "ids_processed"), (False, "ids_raw")):
        reward = load("itm", checkpoint, goldens, caption_processor=processed)
        for prompt in prompts:
            ids, mask = reward._batch([prompt["text"]])
            assert ids[0].tolist() == expected["tokens"][prompt["id"]][key], (prompt["id"], key)
            assert mask.all()


def test_a_folder_with_one_checkpoint_means_it(goldens, checkpoint, itm, golden_images, expected):
    images = golden_images(expected["images"][:1])
    found = load("itm", checkpoint.parent, goldens).score_matrix(images, TEXTS)
    np.testing.assert_array_equal(found, itm.score_matrix(images, TEXTS))


def forward(folder, images, texts, *, matching):
    """Score pairs one by one with transformers' own forward, fed as it wants to be."""
    from transformers import BertTokenizerFast, Blip2ForImageTextRetrieval, BlipImageProcessorPil

    model = Blip2ForImageTextRetrieval.from_pretrained(folder).eval()
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    pixels = BlipImageProcessorPil.from_pretrained(folder)(images, return_tensors="pt")["pixel_values"]
    rewards = np.zeros((len(images), len(texts)))
    for row, pixel in enumerate(pixels):
        for column, text in enumerate(texts):
            given = tokenizer(text, return_tensors="pt")
            ids, mask = given["input_ids"], given["attention_mask"]
            if model.config.image_token_index is not None:
                # It takes as many leading tokens for the image as there are query tokens.
                ids = torch.cat([ids.new_zeros(1, model.config.num_query_tokens), ids], dim=1)
                mask = torch.cat([mask.new_ones(1, model.config.num_query_tokens), mask], dim=1)
            with torch.inference_mode():
                logits = model(
                    pixel_values=pixel[None], input_ids=ids, attention_mask=mask, use_image_text_matching_head=matching
                ).logits_per_image[0]
            rewards[row, column] = logits[1] - logits[0] if matching else logits[0]
    return rewards


def from_hub_layout(head, folder, goldens, **options):
    return load(head, folder, goldens, **{"tokenizer": None, "vision_heads": None, "text_heads": None, **options})


def test_both_heads_equal_the_forward_of_transformers(hub_layout, goldens, noise):
    images = [noise(seed, (56, 56)) for seed in range(3)]  # resizing differs between versions of Pillow
    for head, atol in (("itm", 1e-5), ("itc", 1e-6)):
        reward = from_hub_layout(head, hub_layout, goldens, caption_processor=False)
        wanted = forward(hub_layout, images, TEXTS, matching=head == "itm")
        assert wanted.std() > 1e-3  # the texts and images matter
        np.testing.assert_allclose(reward.score_matrix(images, TEXTS), wanted, rtol=0, atol=atol)


def test_the_image_is_squeezed_into_the_model_s_square(hub_layout, goldens, itm, noise):
    assert itm.prepare_image(noise(0, (300, 60))).shape == (224, 224, 3)
    reward = from_hub_layout("itc", hub_layout, goldens)
    assert reward.prepare_image(noise(0, (30, 60))).shape == (56, 56, 3)
    for card in (itm.card, reward.card):
        assert "crop" not in card.preprocessing
    striped = noise(0, (300, 60))
    striped.paste("red", (0, 0, 20, 60))  # a centre crop would lose it
    assert (itm.prepare_image(striped)[:, 0] == (255, 0, 0)).all()


def test_the_layer_norm_after_the_tower_is_that_of_each_layout(hub_layout, goldens, itm):
    assert itm.card.layer_norm_eps_after_image_tower == LAVIS_EPS == 1e-5
    assert from_hub_layout("itm", hub_layout, goldens).card.layer_norm_eps_after_image_tower == 1e-6


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_pairs_one_by_one_and_the_matrix_agree(request, head, golden_images, expected):
    reward = request.getfixturevalue(head)
    images = golden_images(expected["images"][:5])
    matrix = reward.score_matrix(images, TEXTS)
    np.testing.assert_allclose(reward.score(images, TEXTS), np.diag(matrix), rtol=0, atol=1e-5)
    single = [[reward.score([image], [text])[0] for text in TEXTS] for image in images]
    np.testing.assert_allclose(matrix, single, rtol=0, atol=1e-5)
    features = reward.encode_images(images)
    np.testing.assert_allclose(reward.score_matrix(features, TEXTS), matrix, rtol=0, atol=1e-5)
    order = [3, 0, 4, 2, 1]
    shuffled = reward.score_matrix([images[place] for place in order], [TEXTS[place] for place in order])
    np.testing.assert_allclose(shuffled, matrix[np.ix_(order, order)], rtol=0, atol=1e-5)


def crossings(model):
    """The key projections of the layers in which the queries attend to the image."""
    return [layer.crossattention.attention.key for layer in model.qformer.encoder.layer if layer.has_cross_attention]


def test_keys_and_values_of_an_image_are_computed_once_for_all_texts(itm, golden_images, expected):
    rows = []
    keys = crossings(itm._model)
    hooks = [key.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[0])) for key in keys]
    images = golden_images(expected["images"][:2])
    itm.score_matrix(images, [f"{number} cats" for number in range(33)])
    once = list(rows)
    itm.score(images, TEXTS[:2])
    for hook in hooks:
        hook.remove()
    assert len(keys) == 2
    assert once == [1] * 2 * len(keys)
    assert rows[len(once) :] == [2] * len(keys)


def test_the_image_tower_runs_once_an_image_and_texts_are_padded_to_the_longest_of_a_batch(
    itm, itc, golden_images, expected
):
    images = golden_images(expected["images"][:3])
    for reward in (itm, itc):
        seen, lengths = [], []
        hooks = [
            reward._vision.register_forward_hook(lambda _, __, out, seen=seen: seen.append(len(out[0]))),
            reward._model.embeddings.register_forward_pre_hook(
                lambda _, __, given, lengths=lengths: lengths.append(given["input_ids"].shape[1]), with_kwargs=True
            ),
        ]
        reward.score_matrix(images, ["a dog", "a red dog"])
        for hook in hooks:
            hook.remove()
        assert sum(seen) == 3
        assert set(lengths) == {5}


def test_padding_and_company_change_nothing(itm, itc, golden_images, expected):
    images = golden_images(expected["images"][:2])
    with_long = ["a dog", "a realistic photo of two red airplanes flying above a quiet green valley"]
    for reward in (itm, itc):
        alone = reward.score_matrix(images, ["a dog"])[:, 0]
        np.testing.assert_allclose(reward.score_matrix(images, with_long)[:, 0], alone, rtol=0, atol=1e-5)


def test_contrastive_features_are_normalised_per_query(itc, golden_images, expected, monkeypatch):
    images = golden_images(expected["images"])
    features, texts = itc.encode_images(images), itc.encode_texts(TEXTS)
    assert (features.shape, texts.shape) == ((6, 8, 40), (5, 40))
    np.testing.assert_allclose(np.linalg.norm(features, axis=-1), 1, rtol=1e-6)
    wanted = np.einsum("iqd,td->iqt", features.astype(np.float64), texts.astype(np.float64)).max(axis=1)
    np.testing.assert_allclose(itc.similarity(features, texts), wanted, rtol=0, atol=1e-6)
    monkeypatch.setattr(blip2, "LARGEST_PRODUCT", 1)
    np.testing.assert_allclose(itc.similarity(features, texts), wanted, rtol=0, atol=1e-6)
    assert itc.similarity(features, texts).dtype == np.float32


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_long_texts_are_counted_by_tokens_and_words(request, head, goldens, checkpoint, golden_images, expected):
    reward, images = request.getfixturevalue(head), golden_images(expected["images"][:1])
    fits, over = " ".join(["a"] * 30), " ".join(["a"] * 31)
    assert reward.overlong(["a dog", fits, over, LONG, LONG]) == [over, LONG]
    dots = "a dog" + " ." * 40  # nothing is left of the dots
    assert reward.overlong([dots]) == []
    raw = load(head, checkpoint, goldens, caption_processor=False)
    assert raw.overlong([dots]) == [dots]
    with pytest.warns(UserWarning, match="2 of 3 texts are longer than the 32 tokens"):
        reward.score_matrix(images, ["a dog", over, LONG])
    strict = load(head, checkpoint, goldens, text_policy="error")
    with pytest.raises(RewardError, match="longer than the 32 tokens"):
        strict.score(images, [LONG])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strict.score(images, [fits])


@pytest.mark.filterwarnings("ignore:.*were cut")
@pytest.mark.parametrize("head", ["itm", "itc"])
def test_texts_past_the_limit_equal_their_beginning(request, head, golden_images, expected):
    reward, images = request.getfixturevalue(head), golden_images(expected["images"][:2])
    words = [f"{number % 7} dogs" for number in range(60)]
    found = reward.score_matrix(images, [" ".join(words), " ".join(words[:15])])
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_odd_texts_have_rewards(request, head, golden_images, expected):
    reward, images = request.getfixturevalue(head), golden_images(expected["images"][:1])
    texts = ["", " ", "\n\t", "...", "🌸", "\u0000", "[SEP] a dog", "a\u200bdog", "é" * 5, "[PAD]"]
    found = reward.score_matrix(images, texts)
    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(found[0, 1], abs=1e-6) == pytest.approx(found[0, 3], abs=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("head", ["itm", "itc"])
def test_only_the_image_tower_is_in_half_precision(request, goldens, checkpoint, golden_images, expected, head, dtype):
    full, images = request.getfixturevalue(head), golden_images(expected["images"])
    half = load(head, checkpoint, goldens, dtype=dtype)
    assert half.card.dtype == dtype
    formats = {name: value.dtype for name, value in half._model.named_parameters()}
    low = {name for name, value in formats.items() if value == getattr(torch, dtype)}
    tower = {name for name in formats if name.startswith("vision_model.") and "post_layernorm" not in name}
    assert low == tower
    assert set(formats.values()) == {getattr(torch, dtype), torch.float32}
    found, wanted = half.score_matrix(images, TEXTS), full.score_matrix(images, TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.15)
    assert not np.array_equal(found, wanted)
    assert half.fingerprint != full.fingerprint


def test_cards_say_which_head(itm, itc):
    assert (itm.card.kind, itm.card.unit, itm.card.range) == ("cross-encoder", "log odds of a match", (None, None))
    assert (itc.card.kind, itc.card.unit, itc.card.range) == ("dual encoder", "cosine", (-1.0, 1.0))
    assert (itm.name, itm.card.hub_id, itm.card.text_limit) == ("blip2_tiny-itm", None, 32)
    for head in ("itm", "itc"):
        shown = registry.card(f"blip2-{head}")
        assert (shown.name, shown.hub_id) == (f"blip2-{head}", "Salesforce/blip2-itm-vit-g")


def test_what_changes_a_reward_changes_the_fingerprint(itm, itc, goldens, checkpoint, tmp_path):
    assert itm.fingerprint == load("itm", checkpoint, goldens, batch_size=2, name="other").fingerprint
    other = tmp_path / "words"
    other.mkdir()
    words = (goldens / "common" / "bert_tiny_tokenizer" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (other / "vocab.txt").write_text("\n".join([*words[:-2], words[-1], words[-2]]) + "\n", encoding="utf-8")
    changed = [
        itc,
        load("itm", checkpoint, goldens, caption_processor=False),
        load("itm", checkpoint, goldens, vision_heads=8),
        load("itm", checkpoint, goldens, text_heads=2),
        load("itm", checkpoint, goldens, tokenizer=other),
    ]
    assert len({itm.fingerprint, *(reward.fingerprint for reward in changed)}) == 1 + len(changed)
