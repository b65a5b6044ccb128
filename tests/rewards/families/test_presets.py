"""The four baselines of TIA2's paper: cards that say so, and the rewards of the models they stand for."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tia2
from tia2.errors import RewardError
from tia2.rewards import registry
from tia2.rewards.families.presets import NOTES, PAPER, SPECS

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.mark.parametrize("name", SPECS)
def test_cards_say_what_is_known_and_what_is_assumed(name, no_network):
    card = registry.card(name)
    base = registry.card(SPECS[name])
    assert card.name == name
    assert card.model_dump()["baseline_of"] == PAPER == "arXiv:2404.01863"
    assert f"baseline of {PAPER}" in card.notes
    assert "Known: " in NOTES[name] in card.notes
    assert "Assumed: " in card.notes
    assert (card.hub_id, card.formula, card.default_temperature) == (
        base.hub_id,
        base.formula,
        base.default_temperature,
    )


def test_the_four_presets_are_known():
    assert set(SPECS) == {"paper-clip", "paper-blip2", "paper-imagereward", "paper-pickscore"}
    assert set(SPECS) <= set(registry.REWARDS.plugins())
    assert "ViT-B/32" in NOTES["paper-clip"]
    assert "contrastive head" in NOTES["paper-blip2"]


@pytest.mark.parametrize("name", SPECS)
def test_without_network_the_error_is_one_line(name, no_network):
    with pytest.raises(RewardError, match=r"^[^\n]*can't be reached[^\n]*$"):
        tia2.load_reward(name, device="cpu")


def test_a_preset_scores_as_the_model_it_stands_for(no_network, clip_folder, noise):
    cached = no_network / "models--openai--clip-vit-base-patch32"
    shutil.copytree(clip_folder, cached / "snapshots" / COMMIT)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    images, texts = [noise(0), noise(1)], ["a red circle", "two cyan stars"]
    plain = tia2.load_reward(SPECS["paper-clip"], device="cpu")
    preset = tia2.load_reward("paper-clip", device="cpu", text_policy="error")
    np.testing.assert_array_equal(preset.score_matrix(images, texts), plain.score_matrix(images, texts))
    assert preset.fingerprint == plain.fingerprint
    assert (preset.name, preset.card.name, preset.card.revision) == ("paper-clip", "paper-clip", COMMIT)
    assert preset.card.text_policy == "error"
    assert "baseline of" in preset.card.notes
    assert "baseline of" not in (plain.card.notes or "")


def test_a_local_copy_and_a_name_of_ones_own(goldens):
    folder = goldens / "pickscore" / "hf"
    preset = tia2.load_reward(f"paper-pickscore:{folder}", device="cpu", name="mine")
    assert (preset.name, preset.card.hub_id, preset.card.unit) == ("mine", None, "logit")
    assert preset.fingerprint == tia2.load_reward(f"pickscore:{folder}", device="cpu").fingerprint
    assert registry.card(f"paper-pickscore:{folder}").hub_id is None


def test_unknown_options_are_one_line(clip_folder):
    with pytest.raises(RewardError, match=r"^Reward 'paper-clip:[^\n]*unexpected keyword argument 'colour'[^\n]*$"):
        tia2.load_reward(f"paper-clip:{clip_folder}", colour="red")
