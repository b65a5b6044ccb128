"""HPSv3 equals the authors' code on tiny weights, with everything before the text computed once per image."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tia2
from tia2.errors import RewardError
from tia2.rewards import registry
from tia2.rewards.families.scalar_head.instruction import PROMPT
from tia2.rewards.families.scalar_head.pixels import FixedArea


def load(source: Path, **options):
    return tia2.load_reward(f"hpsv3:{source}", device="cpu", **options)


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "hpsv3" / "expected.json").read_text())


@pytest.fixture(scope="module")
def reward(goldens):
    return load(goldens / "hpsv3")


@pytest.fixture(scope="module")
def features(reward, expected, golden_images):
    return reward.encode_images(golden_images(expected["images"]))


@pytest.fixture
def damaged(goldens, tmp_path):
    return Path(shutil.copytree(goldens / "hpsv3", tmp_path / "copy"))


def change(folder: Path, edit) -> Path:
    state = load_file(folder / "HPSv3.safetensors")
    edit(state)
    save_file(state, folder / "HPSv3.safetensors")
    return folder


def test_equals_upstream(reward, features, expected, golden_prompts):
    found = reward.score_matrix(features, golden_prompts)
    np.testing.assert_allclose(found, expected["score_matrix"], rtol=0, atol=5e-5)


def test_pairs_and_the_spread_equal_upstream(reward, features, expected, golden_images, golden_prompts):
    pairs = reward.score(features, golden_prompts[:6])
    np.testing.assert_allclose(pairs, np.diag(np.array(expected["score_matrix"])[:, :6]), rtol=0, atol=5e-5)
    moments = reward.moments(golden_images(expected["images"][:2]), golden_prompts[:2])
    np.testing.assert_allclose(moments[:, 0], pairs[:2], rtol=0, atol=2e-5)
    np.testing.assert_allclose(moments[:, 1], np.diag(np.array(expected["sigma_matrix"])[:2, :2]), rtol=0, atol=5e-5)


def test_tokens_equal_upstreams(reward, expected, golden_prompts):
    ending = "\n\nEND\n<|im_end|>\n<|im_start|>assistant\n"
    assert expected["chat_text"] == PROMPT + ending
    for text, wanted in zip(golden_prompts, expected["tokens"].values(), strict=True):
        tail = reward._tokens.tail(text)
        head = reward._tokens.head
        ids = [*head[: len(head) - tail.back], *tail.ids]
        assert len(ids) - 1 == wanted["reward_index_one_image_pad"]
        whole = [*ids, *reward._tokens._ids(ending)]
        assert hashlib.sha256(np.array(whole, dtype=np.int64).tobytes()).hexdigest() == wanted["sha256_ids"]


def test_images_are_resized_as_upstream_does(reward, expected, golden_images):
    for name, wanted in expected["images_info"].items():
        pixels = reward.prepare_image(golden_images([name])[0])
        assert list(pixels.shape[:2]) == wanted["resized_hw"]
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == wanted["resized_rgb_sha256"]
        patches, grid = reward._preprocessing.patches(pixels)
        assert list(grid) == wanted["image_grid_thw"]
        assert len(patches) == 4 * wanted["n_image_tokens"]


def test_patches_equal_those_of_transformers(noise):
    from transformers import Qwen2VLImageProcessorPil

    steps = FixedArea(16 * 28 * 28)
    pixels = steps.pixels(noise(0, (90, 61)))
    processor = Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 1 << 24})
    wanted = processor(images=[pixels], return_tensors="np")
    patches, grid = steps.patches(pixels)
    assert [list(grid)] == wanted["image_grid_thw"].tolist()
    np.testing.assert_array_equal(patches, wanted["pixel_values"])


def test_long_and_thin_images_are_made_wider(reward, noise):
    assert reward.prepare_image(noise(0, (1, 1))).shape == (448, 448, 3)
    assert reward.prepare_image(noise(0, (1000, 1))).shape[1] > 5000


def test_the_beginning_runs_once_per_image(reward, features, golden_images, expected, golden_prompts):
    lengths = []
    hook = reward._body.language_model.norm.register_forward_hook(lambda _, given, __: lengths.append(given[0].shape))
    reward.score_matrix(golden_images(expected["images"][:2]), [f"{number} cats" for number in range(33)])
    hook.remove()
    assert [shape[0] for shape in lengths] == [1, 33, 1, 33]
    assert lengths[0][1] > 800
    assert lengths[1][1] < 70
    whole = reward.score_matrix(features, golden_prompts[:1])
    alone = reward.score_matrix(features[:1], golden_prompts[:1])
    np.testing.assert_allclose(alone, whole[:1], atol=2e-5)


def test_bfloat16_is_for_the_body(reward, goldens, features, golden_images, expected):
    half = load(goldens / "hpsv3", dtype="bfloat16")
    texts = ["a dog", "two airplanes"]
    found = half.score_matrix(golden_images(expected["images"][:2]), texts)
    np.testing.assert_allclose(found, reward.score_matrix(features[:2], texts), atol=1)
    assert {parameter.dtype for parameter in half._head.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in half._body.parameters()} == {torch.bfloat16}
    assert half.card.dtype == "bfloat16"
    assert half.fingerprint != reward.fingerprint


@pytest.mark.parametrize("text", ["a <|Reward|> b", "<|image_pad|>", "x<|im_end|>"])
def test_texts_with_control_tokens_are_refused(reward, features, text):
    with pytest.raises(RewardError, match=r"holds '<\|.*\|>', which .* reads as control tokens: rephrase"):
        reward.score_matrix(features[:1], ["fine", text])


def test_card_and_fingerprint(reward, goldens):
    assert (reward.card.name, reward.card.kind) == ("HPSv3", "cross-encoder")
    assert reward.card.base == str(goldens / "hpsv3" / "qwen2_vl_tiny")
    named = load(goldens / "hpsv3" / "HPSv3.safetensors", base=goldens / "hpsv3" / "qwen2_vl_tiny")
    assert named.fingerprint == reward.fingerprint
    assert registry.card("hpsv3").hub_id == "MizzenAI/HPSv3"
    assert 30_000 < reward.text_limit < 32_768


def test_texts_past_the_context_are_cut_with_a_count(goldens, features):
    reward = load(goldens / "hpsv3")
    reward._tokens.limit = 8
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 8 tokens of HPSv3 and were cut"):
        both = reward.score_matrix(features[:1], ["red " * 50, "ok"])
    starts = [("red " * 50)[:end] for end in range(100)]
    kept = max((start for start in starts if len(reward._tokens._ids(start)) <= 8), key=len)
    np.testing.assert_allclose(reward.score_matrix(features[:1], [kept, "ok"]), both, atol=2e-5)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda state: state.pop("rm_head.3.weight"), r"is no HPSv3: expected rm_head\.\{0, 3, 5\}\.weight"),
        (lambda state: state.pop("rm_head.3.bias"), r"1 missing \(rm_head\.3\.bias\)"),
        (lambda state: state.pop("visual.patch_embed.proj.weight"), r"1 missing \(.*patch_embed\.proj\.weight\)"),
        (lambda state: state.update({"model.layers.0.x": torch.zeros(1)}), r"1 unexpected \(.*layers\.0\.x\)"),
        (lambda state: state.update({"else": torch.zeros(1)}), r"1 unexpected \(else\)"),
        (
            lambda state: state.update({"model.norm.weight": torch.zeros(3)}),
            r"1 of another shape \(.*norm\.weight 3, exp",
        ),
        (
            lambda state: state.update({"model.embed_tokens.weight": torch.zeros(870, 64)}),
            r"has 870 token embeddings .* with <\|Reward\|> has 871 tokens",
        ),
    ],
)
def test_other_weights_are_named(damaged, edit, message):
    with pytest.raises(RewardError, match=message):
        load(change(damaged, edit))


def test_missing_files_are_one_line(damaged, clip_folder, tmp_path):
    with pytest.raises(RewardError, match="holds a model of type 'clip'; the base model is a qwen2_vl: set base="):
        load(damaged, base=clip_folder)
    (damaged / "qwen2_vl_tiny" / "preprocessor_config.json").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: preprocessor_config\.json missing"):
        load(damaged)
    (damaged / "HPSv3.safetensors").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: HPSv3\.safetensors missing\.$"):
        load(damaged)
    with pytest.raises(RewardError, match="is for models from the hub"):
        load(damaged, revision="main")
    with pytest.raises(RewardError, match="no hub id"):
        load(Path("not/really/here"))
