"""FGA-BLIP2 equals the authors' code on tiny weights, overall and by element, and refuses other checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import RewardError
from tia2.rewards import registry
from tia2.rewards.encoder import ImageFeatures
from tia2.rewards.families.blip.fga_blip2 import _bare

OPTIONS = {"vision_heads": 4, "text_heads": 4}


def load(source: Path, goldens: Path, **options):
    tokenizer = options.pop("tokenizer", goldens / "common" / "bert_tiny_tokenizer")
    return tia2.load_reward(f"fga-blip2:{source}", device="cpu", tokenizer=tokenizer, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "fga_blip2" / "expected.json").read_text())


@pytest.fixture(scope="module")
def reward(goldens):
    return load(goldens / "fga_blip2", goldens)


@pytest.fixture(scope="module")
def whole(goldens):
    return load(goldens / "fga_blip2" / "fga_blip2.pth", goldens, whole_texts=True)


@pytest.fixture(scope="module")
def features(reward, expected, golden_images):
    return reward.encode_images(golden_images(expected["images"]))


@pytest.fixture
def damaged(goldens, tmp_path):
    return Path(shutil.copytree(goldens / "fga_blip2", tmp_path / "copy"))


def change(folder: Path, edit) -> Path:
    content = torch.load(folder / "fga_blip2.pth", weights_only=True)
    edit(content["model"])
    torch.save(content, folder / "fga_blip2.pth")
    return folder


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_equals_upstream(reward, features, expected, golden_prompts):
    found = reward.score_matrix(features, golden_prompts)
    np.testing.assert_allclose(found, expected["score_matrix"], rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_raw_texts_equal_upstream(goldens, features, expected, golden_prompts):
    raw = load(goldens / "fga_blip2", goldens, caption_processor=False)
    found = raw.score_matrix(features, golden_prompts)
    np.testing.assert_allclose(found, expected["score_matrix_raw_text"], rtol=0, atol=1e-5)


def test_texts_are_read_to_their_end_if_asked(reward, whole, features, expected, golden_prompts):
    found = whole.score_matrix(features, golden_prompts[:3] + golden_prompts[5:])
    wanted = np.array(expected["element_call_score"])
    np.testing.assert_allclose(found, np.delete(wanted, [3, 4], axis=1), rtol=0, atol=1e-5)
    # Captions of more than 50 words lose their end to the caption processor, which the authors run first.
    with pytest.warns(UserWarning, match="2 of 2 texts are longer"):
        long = whole.score_matrix(features, golden_prompts[3:5])
    np.testing.assert_allclose(long, wanted[:, 3:5], rtol=0, atol=1e-5)
    assert whole.fingerprint != reward.fingerprint


def test_scores_of_elements_equal_upstream(reward, features, expected, golden_prompts):
    for row, scores in enumerate(expected["element_scores"]):
        elements = [list(of_text) for of_text in scores]
        of_image = ImageFeatures([features[row]] * len(golden_prompts))
        found = reward.element_scores(of_image, golden_prompts, elements)
        for part, wanted in zip(found, scores, strict=True):
            assert [score is None for score in part] == [score is None for score in wanted.values()]
            np.testing.assert_allclose(
                [score for score in part if score is not None],
                [score for score in wanted.values() if score is not None],
                rtol=0,
                atol=1e-5,
            )


def test_elements_lose_their_category(reward, golden_images, expected):
    image = golden_images(expected["images"][:1])
    text = "a realistic photo of two airplanes"
    bare, category = reward.element_scores(image, [text], [["two airplanes", "two airplanes (object)"]])[0]
    assert bare == category
    assert (_bare("dogs (animal) "), _bare("a (b) c"), _bare("(x)")) == ("dogs", "a (b) c", "")
    assert reward.element_scores(image, [text], [["(x)"]]) == [[None]]
    with pytest.raises(RewardError, match="as many images as texts"):
        reward.element_scores(image, [text], [])


def test_tokens_equal_upstreams(reward, expected, golden_prompts):
    for text, wanted in zip(golden_prompts, expected["tokens"].values(), strict=True):
        assert reward._batch([text])[0][0].tolist() == wanted["ids_processed"]


def test_the_image_part_runs_once_for_all_texts(reward, features, expected):
    keys = [
        layer.crossattention.attention.key
        for layer in reward._model.qformer.encoder.layer
        if hasattr(layer, "crossattention")
    ]
    rows: list[int] = []
    hooks = [key.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[0])) for key in keys]
    reward.score_matrix(features[:2], [f"{number} cats" for number in range(33)])
    for hook in hooks:
        hook.remove()
    assert rows == [1] * 2 * len(keys)


def test_half_precision_is_near(reward, goldens, golden_images, expected):
    images, texts = golden_images(expected["images"][:2]), ["a dog", "two airplanes"]
    half = load(goldens / "fga_blip2", goldens, dtype="bfloat16")
    np.testing.assert_allclose(half.score_matrix(images, texts), reward.score_matrix(images, texts), atol=0.2)


def test_card(reward):
    assert (reward.card.name, reward.card.range, reward.card.text_limit) == ("fga_blip2", (1.0, 5.0), 32)
    assert "364x364" in reward.card.preprocessing
    assert registry.card("fga-blip2").hub_id == "hanshuhao/FGA-BLIP2"


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("visual_encoder.", r"has no image tower \(visual_encoder\.\*\): expected a whole FGA-BLIP2"),
        ("mask_proj.", r"is no FGA-BLIP2: expected mask_proj\.\*.* use blip2-itm:PATH"),
        ("itm_head.", r"2 missing \(itm_head\.bias, itm_head\.weight\)"),
    ],
)
def test_other_checkpoints_are_refused(damaged, goldens, prefix, message):
    def edit(state):
        for key in [key for key in state if key.startswith(prefix)]:
            del state[key]

    with pytest.raises(RewardError, match=message):
        load(change(damaged, edit), goldens)


def test_missing_files_are_one_line(damaged, goldens):
    (damaged / "fga_blip2.pth").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: fga_blip2\.pth missing\.$"):
        load(damaged, goldens)
    with pytest.raises(RewardError, match=r"There is no checkpoint '.*nowhere\.pth'"):
        load(damaged / "nowhere.pth", goldens)
    with pytest.raises(RewardError, match="is for models from the hub"):
        load(damaged, goldens, revision="main")
