"""Does the reward model keep to the interface, and does it know its colours?"""

from __future__ import annotations

from colour_reward import ColourReward
from PIL import Image

from tia2.rewards import conformance


def test_it_passes_the_conformance_suite() -> None:
    """The failures say what to fix."""
    conformance.check(ColourReward()).raise_for_failures()


def test_a_colour_suits_its_own_name_best() -> None:
    """Four plain pictures, four prompts."""
    images = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue", "white")]
    rewards = ColourReward().score_matrix(images, ["a red car", "a green car", "a blue car", "a white car"])
    assert rewards.argmax(axis=1).tolist() == [0, 1, 2, 3]
