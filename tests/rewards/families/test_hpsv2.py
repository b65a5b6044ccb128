"""HPSv2 equals the authors' code on tiny weights, with and without antialiasing."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tia2
from tia2.errors import MissingDependencyError, RewardError, UnknownNameError
from tia2.rewards.families.open_clip.tensor_resize import LongestSide

pytest.importorskip("open_clip")


def load(folder: Path, goldens: Path, **options):
    vocabulary = goldens / "common" / "clip_tiny_tokenizer" / "bpe_tiny.txt.gz"
    return tia2.load_reward(f"hpsv2:{folder}", device="cpu", **{"vocabulary": vocabulary, **options})


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "hpsv2" / "expected.json").read_text())


@pytest.fixture(scope="module")
def reward(goldens):
    return load(goldens / "hpsv2", goldens)


@pytest.fixture
def copy(goldens, tmp_path):
    return Path(shutil.copytree(goldens / "hpsv2", tmp_path / "copy"))


@pytest.mark.filterwarnings("ignore:.*were cut")
@pytest.mark.parametrize(("antialias", "key"), [(True, "score_matrix_rgb"), (False, "score_matrix_rgb_no_antialias")])
def test_equals_upstream(goldens, expected, golden_images, golden_prompts, antialias, key):
    found = load(goldens / "hpsv2", goldens, antialias=antialias)
    matrix = found.score_matrix(golden_images(expected["images"]), golden_prompts)
    np.testing.assert_allclose(matrix, expected[key], rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(333, 201), (201, 333), (64, 64), (500, 3), (1, 1), (32, 31), (7, 40)])
@pytest.mark.parametrize("antialias", [True, False])
def test_the_resize_is_torchvisions_on_tensors(noise, size, antialias):
    functional = pytest.importorskip("torchvision.transforms.functional")
    image = noise(size=size)
    tensor = functional.to_tensor(image)
    scale = 32 / max(size)
    new = [max(1, round(size[1] * scale)), max(1, round(size[0] * scale))]
    bicubic = functional.InterpolationMode.BICUBIC
    resized = functional.resize(tensor, new, bicubic, antialias=antialias) if scale != 1 else tensor
    gaps = 32 - new[1], 32 - new[0]
    padded = functional.pad(resized, [gaps[0] // 2, gaps[1] // 2, gaps[0] - gaps[0] // 2, gaps[1] - gaps[1] // 2])
    np.testing.assert_allclose(LongestSide(32, antialias).pixels(image), padded.numpy(), atol=1e-6)


def test_padding_is_black_before_normalisation():
    levels = LongestSide(8).pixels(Image.new("RGB", (8, 4), "white"))
    assert levels[:, :2].max() == 0
    assert levels[:, 6:].max() == 0
    assert levels[:, 2:6].min() == 1
    black = LongestSide(8).normalise(levels[None])[0, 0, 0, 0]
    assert black == pytest.approx(-0.48145466 / 0.26862954)


def test_pairs_one_by_one_and_the_matrix_agree(reward, golden_images, expected):
    images, texts = golden_images(expected["images"][:3]), ["a dog", "", "two airplanes"]
    matrix = reward.score_matrix(images, texts)
    np.testing.assert_allclose(reward.score(images, texts), np.diag(matrix), atol=1e-6)
    single = [[reward.score([image], [text])[0] for text in texts] for image in images]
    np.testing.assert_allclose(matrix, single, atol=1e-6)


def test_transparent_and_tall_images_are_scored(reward, noise):
    images = [noise(mode="RGBA"), noise(mode="P"), noise(size=(10, 900))]
    assert np.isfinite(reward.score_matrix(images, ["a dog"])).all()


def test_long_texts_are_cut_with_a_count_or_refused(reward, goldens, noise):
    long = "two red airplanes and " * 30
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 77 tokens"):
        reward.score_matrix([noise()], [long, "a dog"])
    with pytest.raises(RewardError, match="longer than the 77 tokens"):
        load(goldens / "hpsv2", goldens, text_policy="error").score([noise()], [long])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_near_without_ties(reward, goldens, golden_images, expected, dtype):
    images, texts = golden_images(expected["images"]), ["a dog", "two airplanes"]
    found = load(goldens / "hpsv2", goldens, dtype=dtype).score_matrix(images, texts)
    np.testing.assert_allclose(found, reward.score_matrix(images, texts), atol=0.05)
    assert len(np.unique(found)) == found.size


def test_settings_that_change_a_reward_change_the_fingerprint(reward, goldens):
    assert load(goldens / "hpsv2", goldens).fingerprint == reward.fingerprint
    assert load(goldens / "hpsv2", goldens, antialias=False).fingerprint != reward.fingerprint


def test_the_card_of_a_version_needs_no_weights(goldens):
    shown = tia2.rewards.registry.card("hpsv2:v2.1")
    assert (shown.name, shown.hub_id, shown.text_limit) == ("hpsv2-v2.1", "xswu/HPSv2", 77)
    assert tia2.rewards.registry.card(f"hpsv2:{goldens / 'hpsv2' / 'HPS_v2_tiny.pt'}").hub_id is None


def test_the_version_must_be_named(goldens):
    with pytest.raises(RewardError, match=r"say which one, for example 'hpsv2:v2\.1'"):
        tia2.load_reward("hpsv2")
    with pytest.raises(UnknownNameError, match=r"Unknown version of HPSv2 'v2\.2'\. Did you mean 'v2\.\d'"):
        tia2.load_reward("hpsv2:v2.2", device="cpu")


def test_wrong_checkpoints_are_named(copy, goldens):
    path = copy / "HPS_v2_tiny.pt"
    state = torch.load(path, weights_only=True)
    del state["state_dict"]["ln_final.bias"]
    torch.save(state, path)
    with pytest.raises(RewardError, match=r"1 missing \(ln_final\.bias\)"):
        load(copy, goldens)
    (copy / "open_clip_config.json").unlink()
    with pytest.raises(RewardError, match=r"The weights of .* don't fit the model: \d+ missing"):
        load(copy, goldens, vocabulary=None)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(RewardError, match=r"HPS_v2_tiny\.pt (is damaged|can't be read)[^\n]*$"):
        load(copy, goldens)
    path.unlink()
    with pytest.raises(RewardError, match=r"is incomplete: HPS_v2\.1_compressed\.pt missing"):
        load(copy, goldens)


def test_a_missing_library_says_what_to_install(goldens, monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingDependencyError, match=r"need open_clip_torch .*pip install 'tia2\[open_clip\]'"):
        load(goldens / "hpsv2", goldens)
