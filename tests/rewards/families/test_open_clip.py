"""`open_clip:` equals OpenAI's own code, open_clip's own functions, and refuses the wrong activation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import MissingDependencyError, RewardError, UnknownNameError
from tia2.rewards.families.open_clip.loading import check_activation, find

open_clip = pytest.importorskip("open_clip")

RGB = ("00_square_rgb_256.png", "01_landscape_rgb_333x201.png", "04_gray_300.png", "06_zoneplate_rgb_512.png")
TEXTS = ["a dog", "A Red Cube &amp; “more”", "", "two airplanes  \n and a cat"]
CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
CUSTOM = {
    **CLIP,
    "custom_text": True,
    "quick_gelu": True,
    "vision_cfg": {**CLIP["vision_cfg"], "pool_type": "avg", "final_ln_after_pool": True},
    "text_cfg": {**CLIP["text_cfg"], "no_causal_mask": True, "pool_type": "last", "proj_bias": True},
}
SQUASH = {"resize_mode": "squash", "interpolation": "bilinear", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def save(folder: Path, config: dict, preprocessing: dict | None = None) -> Path:
    """Write a tiny random model as the hub's open_clip repositories hold theirs."""
    folder.mkdir()
    settings = {"model_cfg": config, "preprocess_cfg": preprocessing or {}}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("open_clip") / "tiny", CLIP)


@pytest.mark.upstream
@pytest.mark.filterwarnings("ignore:.*were cut")
def test_equals_openais_code(oracles_dir, goldens, golden_images, golden_prompts):
    oracle = oracles_dir / "clip_score"
    expected = json.loads((oracle / "expected.json").read_text())
    vocabulary = goldens / "common" / "clip_tiny_tokenizer" / "bpe_tiny.txt.gz"
    checkpoint = oracle / "openai_layout_state_dict.pt"
    reward = tia2.load_reward(f"open_clip:{checkpoint}", vocabulary=vocabulary, device="cpu")
    rows = [expected["images"].index(name) for name in RGB]
    found = reward.score_matrix(golden_images(RGB), golden_prompts)
    np.testing.assert_allclose(found, np.array(expected["openai"]["cosine"])[rows], rtol=0, atol=1e-6)


@pytest.mark.usefixtures("across_then_down")
@pytest.mark.parametrize(("config", "preprocessing"), [(CLIP, None), (CUSTOM, SQUASH)], ids=["clip", "custom text"])
def test_equals_open_clips_own_functions(tmp_path, noise, config, preprocessing):
    folder = save(tmp_path / "tiny", config, preprocessing)
    images = [noise(0, (32, 32)), noise(1, (60, 60)), noise(2, (33, 40))]
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    with torch.inference_mode():
        of_images = model.eval().encode_image(torch.stack([transform(image) for image in images]), normalize=True)
        of_texts = model.encode_text(tokenizer(TEXTS), normalize=True)
    found = tia2.load_reward(f"open_clip:{folder}", device="cpu").score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, (of_images @ of_texts.T).numpy(), rtol=0, atol=1e-5)


def test_pairs_one_by_one_and_the_matrix_agree(folder, noise):
    reward, images = tia2.load_reward(f"open_clip:{folder}", device="cpu"), [noise(seed) for seed in range(4)]
    matrix = reward.score_matrix(images, TEXTS)
    np.testing.assert_allclose(reward.score(images, TEXTS), np.diag(matrix), atol=1e-6)
    assert (reward.name, reward.card.text_limit, reward.card.kind) == ("tiny", 20, "dual encoder")


def test_long_texts_are_cut_with_a_count_or_refused(folder, noise):
    long = "two airplanes and " * 20
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 20 tokens of tiny"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu").score_matrix([noise()], ["a dog", long])
    with pytest.raises(RewardError, match="longer than the 20 tokens"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu", text_policy="error").score([noise()], [long])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_near_without_ties(folder, noise, dtype):
    images, texts = [noise(seed) for seed in range(6)], ["a dog", "two airplanes"]
    full = tia2.load_reward(f"open_clip:{folder}", device="cpu")
    half = tia2.load_reward(f"open_clip:{folder}", device="cpu", dtype=dtype)
    found = half.score_matrix(images, texts)
    np.testing.assert_allclose(found, full.score_matrix(images, texts), atol=0.05)
    assert len(np.unique(found)) == found.size
    assert half.fingerprint != full.fingerprint


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ViT-L-14/openai", r"'openai' were trained with OpenAI's quick GELU, .*: use ViT-L-14-quickgelu/openai"),
        ("ViT-B-32-quickgelu/laion2b_s34b_b79k", "Unknown weights of ViT-B-32-quickgelu 'laion2b"),
        ("ViT-B-32/openai", "use ViT-B-32-quickgelu/openai"),
        ("ViT-L-14x/openai", r"Unknown open_clip architecture 'ViT-L-14x'\. Did you mean 'ViT-L-14'"),
        ("ViT-L-14-quickgelu/openia", "Unknown weights of ViT-L-14-quickgelu 'openia'. Did you mean 'openai'"),
        ("ViT-L-14", r"Which weights of ViT-L-14\? Expected ViT-L-14/TAG or /PATH; tags: openai, "),
        ("hf-hub:a/b/c", "is no hub id"),
    ],
)
def test_wrong_specs_are_refused_before_any_download(spec, message):
    with pytest.raises((RewardError, UnknownNameError), match=message):
        tia2.load_reward(f"open_clip:{spec}", device="cpu")


def test_an_architecture_with_the_quick_activation_is_refused_for_other_weights():
    config = open_clip.get_model_config("ViT-H-14-quickgelu")
    with pytest.raises(RewardError, match=r"trained with GELU, and ViT-H-14-quickgelu has .*: use ViT-H-14/mine"):
        check_activation("ViT-H-14-quickgelu", config, "mine", quick=False)
    check_activation("ViT-H-14-quickgelu", config, "mine", quick=True)


def test_openais_own_archives_need_their_activation(tmp_path):
    class Weights(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(2))

        def forward(self, value):
            return value + self.weight

    path = tmp_path / "archive.pt"
    torch.jit.script(Weights()).save(str(path))
    with pytest.raises(RewardError, match="use ViT-B-32-quickgelu/"):
        find(f"ViT-B-32/{path}")
    assert find(f"ViT-B-32-quickgelu/{path}").checkpoint == path


def test_cards_without_loading():
    shown = tia2.rewards.registry.card("open_clip:ViT-L-14-quickgelu/openai")
    assert (shown.name, shown.hub_id) == ("ViT-L-14-quickgelu/openai", None)
    assert tia2.rewards.registry.card("open_clip:hf-hub:laion/some-clip").hub_id == "laion/some-clip"


def test_a_file_without_an_architecture_must_be_openais(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(RewardError, match=r"no vision transformer in OpenAI's layout: name its architecture"):
        tia2.load_reward(f"open_clip:{tmp_path / 'other.pt'}", device="cpu")


def test_wrong_checkpoints_are_named(tmp_path):
    folder = save(tmp_path / "tiny", CLIP)
    weights = folder / "open_clip_pytorch_model.bin"
    state = torch.load(weights, weights_only=True)
    torch.save({**state, "ln_final.extra": torch.zeros(1)}, weights)
    with pytest.raises(RewardError, match=r"1 unexpected \(ln_final\.extra\)"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")
    torch.save({**state, "positional_embedding": torch.zeros(77, 32)}, weights)
    with pytest.raises(RewardError, match=r"of another shape \(positional_embedding 77x32, expected 20x32\)"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(RewardError, match=r"\.bin (is damaged|can't be read)[^\n]*$"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")
    weights.unlink()
    with pytest.raises(RewardError, match=r"is incomplete: open_clip_model\.safetensors missing"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")
    (folder / "open_clip_config.json").write_text("{}")
    with pytest.raises(RewardError, match=r"open_clip_config\.json can't be read \(KeyError.*expected model_cfg"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")
    (folder / "open_clip_config.json").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: open_clip_config\.json missing"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")


def test_other_ways_to_resize_are_refused(tmp_path):
    folder = save(tmp_path / "tiny", CLIP, {"resize_mode": "longest"})
    with pytest.raises(RewardError, match=r"resizes images to 32x32 by mode 'longest'.*supported are 'squash'"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")


def test_a_missing_library_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingDependencyError, match=r"need open_clip_torch .*pip install 'tia2\[open_clip\]'"):
        tia2.load_reward(f"open_clip:{folder}", device="cpu")
