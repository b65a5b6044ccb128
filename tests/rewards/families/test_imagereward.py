"""ImageReward equals the authors' code on tiny weights, runs the image part once, and refuses other checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import RewardError
from tia2.rewards.families.blip.imagereward import MEAN, STD

RGB = ("00_square_rgb_256.png", "01_landscape_rgb_333x201.png", "04_gray_300.png", "06_zoneplate_rgb_512.png")
"""The files that upstream code, which resizes before it converts, scores as it does their RGB versions."""

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LONG = "a highly detailed realistic photo of " + "two red airplanes and " * 20


def load(folder: Path, goldens: Path, **options):
    tokenizer = options.pop("tokenizer", goldens / "common" / "bert_tiny_tokenizer")
    return tia2.load_reward(f"imagereward:{folder}", device="cpu", tokenizer=tokenizer, vision_heads=4, **options)


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "imagereward" / "expected.json").read_text())


@pytest.fixture(scope="module")
def reward(goldens):
    return load(goldens / "imagereward", goldens)


@pytest.fixture
def damaged(goldens, tmp_path):
    """A copy of the checkpoint that a test may change."""
    return Path(shutil.copytree(goldens / "imagereward", tmp_path / "copy"))


def change(folder: Path, edit) -> Path:
    state = torch.load(folder / "ImageReward.pt", weights_only=True)
    edit(state)
    torch.save(state, folder / "ImageReward.pt")
    return folder


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_equals_upstream(reward, expected, golden_images, golden_prompts):
    rows = [expected["images"].index(name) for name in RGB]
    found = reward.score_matrix(golden_images(RGB), golden_prompts)
    np.testing.assert_allclose(found, np.array(expected["score_matrix"])[rows], rtol=0, atol=1e-5)


def test_tokens_equal_upstreams(reward, expected, golden_prompts):
    for text, wanted in zip(golden_prompts, expected["tokens"].values(), strict=True):
        kept = [token for token, mask in zip(wanted["input_ids"], wanted["attention_mask"], strict=True) if mask]
        assert reward._tokens.ids([text]) == [kept]


def test_pairs_one_by_one_and_the_matrix_agree(reward, golden_images):
    images = golden_images(RGB)
    texts = ["a dog", "a realistic photo of two airplanes", "", "three owls on a fence"]
    matrix = reward.score_matrix(images, texts)
    np.testing.assert_allclose(reward.score(images, texts), np.diag(matrix), atol=1e-5)
    single = [[reward.score([image], [text])[0] for text in texts] for image in images]
    np.testing.assert_allclose(matrix, single, atol=1e-5)
    features = reward.encode_images(images)
    np.testing.assert_array_equal(reward.score_matrix(features, texts), matrix)


def test_keys_and_values_of_an_image_are_computed_once_for_all_texts(reward, golden_images):
    rows = []
    keys = [layer.crossattention.self.key for layer in reward._text.encoder.layer]
    hooks = [key.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[0])) for key in keys]
    reward.score_matrix(golden_images(RGB[:2]), [f"{number} cats" for number in range(33)])
    for hook in hooks:
        hook.remove()
    assert rows == [1] * 2 * len(keys)


def test_long_texts_are_cut_with_a_count_or_refused(reward, goldens, golden_images):
    images = golden_images(RGB[:1])
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 35 tokens of imagereward and were cut"):
        both = reward.score_matrix(images, [LONG, "dog"])
    with pytest.warns(UserWarning, match="were cut"):
        np.testing.assert_allclose(reward.score(images, [LONG + " and a cat"]), both[0, :1], atol=1e-5)
    strict = load(goldens / "imagereward", goldens, text_policy="error")
    with pytest.raises(RewardError, match="longer than the 35 tokens"):
        strict.score(images, [LONG])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_near_and_its_head_is_float32(reward, goldens, golden_images, dtype):
    half = load(goldens / "imagereward", goldens, dtype=dtype)
    texts = ["a dog", "two airplanes"]
    found = half.score_matrix(golden_images(RGB), texts)
    np.testing.assert_allclose(found, reward.score_matrix(golden_images(RGB), texts), atol=0.3)
    assert {parameter.dtype for parameter in half._head.parameters()} == {torch.float32}
    assert len(np.unique(found)) == found.size
    assert half.fingerprint != reward.fingerprint


def test_card_and_fingerprint(reward, goldens):
    card = reward.card
    assert (card.kind, card.text_limit, card.default_temperature) == ("cross-encoder", 35, 1.0)
    assert "224x224 (half to even)" in card.preprocessing
    assert str(MEAN) in card.formula
    assert str(STD) in card.formula
    assert load(goldens / "imagereward", goldens).fingerprint == reward.fingerprint
    shown = tia2.rewards.registry.card("imagereward")
    assert (shown.hub_id, shown.licence) == ("THUDM/ImageReward", "Apache-2.0")


def test_missing_and_surplus_weights_are_listed(damaged, goldens):
    def edit(state):
        del state["mlp.layers.6.bias"], state["blip.text_encoder.encoder.layer.1.crossattention.self.key.weight"]
        state["blip.extra"] = torch.zeros(1)

    message = r"2 missing \(blip\.text_encoder\..*key\.weight, mlp\.layers\.6\.bias\); 1 unexpected \(blip\.extra\)"
    with pytest.raises(RewardError, match=message):
        load(change(damaged, edit), goldens)


def test_weights_of_another_shape_are_named(damaged, goldens):
    def edit(state):
        state["mlp.layers.7.bias"] = torch.zeros(3)

    with pytest.raises(RewardError, match=r"1 of another shape \(mlp\.layers\.7\.bias 3, expected 1\)"):
        load(change(damaged, edit), goldens)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("blip.visual_encoder.pos_embed", "has no vision transformer in upstream's layout"),
        ("blip.text_encoder.embeddings.word_embeddings.weight", "has no BERT in upstream's layout"),
        ("mlp.layers.0.weight", r"is no ImageReward: expected mlp\.layers"),
    ],
)
def test_other_models_are_refused(damaged, goldens, key, message):
    with pytest.raises(RewardError, match=message):
        load(change(damaged, lambda state: state.pop(key)), goldens)


def test_damaged_and_missing_files_are_one_line(damaged, goldens, tmp_path):
    checkpoint = damaged / "ImageReward.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(RewardError, match=r"ImageReward\.pt (is damaged|can't be read)[^\n]*$"):
        load(damaged, goldens)
    checkpoint.unlink()
    with pytest.raises(RewardError, match=r"is incomplete: ImageReward\.pt missing"):
        load(damaged, goldens)
    (damaged / "med_config.json").unlink()
    with pytest.raises(RewardError, match=r"ImageReward\.pt, med_config\.json missing"):
        load(damaged, goldens)
    with pytest.raises(RewardError, match=r"There is no folder .\./nowhere"):
        load("./nowhere", goldens)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "holds list"),
        ("{", "can't be read"),
        ("{}", "has num_attention_heads None"),
        ('{"num_attention_heads": "4"}', "has num_attention_heads '4'"),
        ('{"num_attention_heads": 0}', "has num_attention_heads 0"),
        ('{"num_attention_heads": 4, "layer_norm_eps": "1e-12"}', "has layer_norm_eps '1e-12'"),
        ('{"num_attention_heads": 4, "hidden_act": "relu"}', "has hidden_act 'relu'; expected 'gelu'"),
        (
            '{"num_attention_heads": 4, "hidden_size": 768}',
            "beside .* is of another model: hidden_size 768 instead of 48",
        ),
        ('{"num_attention_heads": 5}', ""),
    ],
)
def test_a_wrong_configuration_is_named(damaged, goldens, content, message):
    (damaged / "med_config.json").write_text(content)
    message = rf"med_config\.json {message}" if message else "5 attention heads don't divide a width of 48"
    with pytest.raises(RewardError, match=message):
        load(damaged, goldens)


def test_loading_draws_no_random_numbers(goldens, reward, golden_images):
    before = torch.get_rng_state()
    again = load(goldens / "imagereward", goldens)
    assert torch.equal(torch.get_rng_state(), before)
    images = golden_images(RGB[:1])
    np.testing.assert_array_equal(again.score(images, ["a dog"]), reward.score(images, ["a dog"]))


def test_a_checkpoint_in_half_precision_becomes_float32(damaged, goldens, reward, golden_images):
    def edit(state):
        state.update({key: value.half() for key, value in state.items() if value.is_floating_point()})

    half = load(change(damaged, edit), goldens)
    assert {value.dtype for part in (half._vision, half._text, half._head) for value in part.parameters()} == {
        torch.float32
    }
    images = golden_images(RGB)
    np.testing.assert_allclose(half.score_matrix(images, ["a dog"]), reward.score_matrix(images, ["a dog"]), atol=0.05)


def test_a_head_of_more_than_one_output_is_refused(damaged, goldens):
    def edit(state):
        state["mlp.layers.7.weight"], state["mlp.layers.7.bias"] = torch.zeros(2, 16), torch.zeros(2)
        state["mlp.layers.0.extra"] = torch.zeros(1)

    message = r"1 unexpected \(mlp\.layers\.0\.extra\); 2 of another shape \(mlp\.layers\.7\.bias 2, expected 1, mlp"
    with pytest.raises(RewardError, match=message):
        load(change(damaged, edit), goldens)


def test_a_head_that_does_not_fit_the_text_tower_is_refused(damaged, goldens):
    def edit(state):
        state["mlp.layers.0.weight"] = torch.zeros(1024, 768)

    with pytest.raises(RewardError, match=r"mlp\.layers\.0\.weight 1024x768, expected 1024x48"):
        load(change(damaged, edit), goldens)


def test_texts_of_every_kind_get_a_finite_reward_that_does_not_depend_on_company(reward, golden_images):
    texts = [
        "",
        " ",
        "\n\t",
        "\u0000",
        "dog\ud83d",
        "[ENC] dog",
        "日本の城",
        "👩‍👩‍👧‍👦",
        "x" * 3000,
        "İΣς ﬁ",
        "a\u0301",
        "dog",
    ]
    images = golden_images(RGB[:1])
    matrix = reward.score_matrix(images, texts)
    assert np.isfinite(matrix).all()
    np.testing.assert_allclose(matrix[0], [reward.score(images, [text])[0] for text in texts], atol=1e-5)
    assert len({matrix[0, index] for index in (0, 1, 2, 3)}) == 1
    assert matrix[0, 4] == pytest.approx(matrix[0, -1], abs=1e-5)
    assert reward.score_matrix(images, []).shape == (1, 0)
    assert reward.score([], []).shape == (0,)


def test_where_the_files_may_be(damaged, goldens, reward, golden_images):
    images = golden_images(RGB[:1])
    wanted = reward.score(images, ["a dog"])
    torch.save({}, damaged / "other.pt")
    np.testing.assert_array_equal(load(damaged, goldens).score(images, ["a dog"]), wanted)
    (damaged / "ImageReward.pt").rename(damaged / "mine.pt")
    np.testing.assert_array_equal(load(damaged / "mine.pt", goldens).score(images, ["a dog"]), wanted)
    with pytest.raises(RewardError, match=r"holds several checkpoints \(mine\.pt, other\.pt\): name one"):
        load(damaged, goldens)
    with pytest.raises(RewardError, match=r"is incomplete: none\.pt missing"):
        load(damaged / "none.pt", goldens)
    with pytest.raises(RewardError, match="revision='main' is for models from the hub"):
        load(damaged, goldens, revision="main")
    with pytest.raises(RewardError, match="text_policy is 'cut'; expected 'truncate' or 'error'"):
        load(damaged, goldens, text_policy="cut")


def test_the_published_model_comes_from_the_hub_with_berts_vocabulary(goldens, monkeypatch, tmp_path, reward):
    def put(hub_id, folder):
        cached = tmp_path / "hub" / f"models--{hub_id.replace('/', '--')}"
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text(COMMIT)
        shutil.copytree(folder, cached / "snapshots" / COMMIT)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RewardError, match=r"THUDM/ImageReward[^\n]*$"):
        tia2.load_reward("imagereward", device="cpu", vision_heads=4)
    put("THUDM/ImageReward", goldens / "imagereward")
    with pytest.raises(RewardError, match=r"bert-base-uncased[^\n]*$"):
        tia2.load_reward("imagereward", device="cpu", vision_heads=4)
    put("google-bert/bert-base-uncased", goldens / "common" / "bert_tiny_tokenizer")
    published = tia2.load_reward("imagereward", device="cpu", vision_heads=4)
    assert (published.name, published.card.hub_id, published.card.revision) == (
        "imagereward",
        "THUDM/ImageReward",
        COMMIT,
    )
    assert published.fingerprint == reward.fingerprint


def test_wrong_tokenizers_are_named(goldens, tmp_path):
    with pytest.raises(RewardError, match=r"There is no tokenizer in .*expected a vocab\.txt"):
        load(goldens / "imagereward", goldens, tokenizer=tmp_path)
    lines = (goldens / "common" / "bert_tiny_tokenizer" / "vocab.txt").read_text().splitlines()
    for words, found in (([*lines, "aardvark", "axolotl", "zorilla"], 299), (lines[:150], 152)):
        (tmp_path / "vocab.txt").write_text("\n".join(words))
        with pytest.raises(RewardError, match=rf"has {found} tokens with \[DEC\], \[ENC\]; the model has 296"):
            load(goldens / "imagereward", goldens, tokenizer=tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(f"word{number}" for number in range(289)))
    with pytest.raises(RewardError, match=r"is no BERT's: its vocabulary lacks \[CLS\], \[SEP\]"):
        load(goldens / "imagereward", goldens, tokenizer=tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(RewardError, match=r"^The tokenizer in .* can't be read: [^\n]*$"):
        load(goldens / "imagereward", goldens, tokenizer=tmp_path)


@pytest.mark.upstream
def test_pixels_equal_upstreams(reward, expected, oracles_dir, golden_images):
    stored = np.load(oracles_dir / "imagereward" / "intermediate.npz")["pixel_values"]
    pixels = reward._loaded.preprocessing.normalise(
        np.stack([reward.prepare_image(image) for image in golden_images(RGB)])
    )
    rows = [expected["images"].index(name) for name in RGB]
    np.testing.assert_allclose(pixels, stored[rows], rtol=0, atol=1e-6)


def test_heads_that_do_not_divide_the_width_are_refused(goldens):
    with pytest.raises(RewardError, match=r"7 attention heads don't divide a width of 64; set vision_heads="):
        tia2.load_reward(f"imagereward:{goldens / 'imagereward'}", vision_heads=7, device="cpu")
