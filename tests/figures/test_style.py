"""The palette can be seen on light and dark pages, by people with any colour vision."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tia2.figures.panel import Series, colours_of
from tia2.figures.style import PALETTE, PAPER, colour

# Machado, Oliveira and Fernandes (2009), severity 1.
VISION = {
    "all cones": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(ink):
    share = np.array([int(ink[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    dark, light = sorted(float(linear(ink) @ [0.2126, 0.7152, 0.0722]) for ink in (one, other))
    return (light + 0.05) / (dark + 0.05)


def oklab(rgb):
    cones = np.array([
        [0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ])  # fmt: skip
    lab = np.array([
        [0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ])  # fmt: skip
    return lab @ np.cbrt(cones @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("page", ["#ffffff", "#141b22"])
def test_every_colour_stands_out_from_the_page(page):
    assert min(contrast(ink, page) for ink in PALETTE) >= 2.95


def test_text_on_paper_can_be_read():
    assert contrast(PAPER.ink, PAPER.background) >= 7
    assert contrast(PAPER.muted, PAPER.background) >= 4.5


@pytest.mark.parametrize("vision", VISION)
def test_colours_differ_for_any_colour_vision(vision):
    seen = [oklab(np.array(VISION[vision]) @ linear(ink)) for ink in PALETTE]
    gaps = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(range(len(seen)), 2)}
    assert min(gap for pair, gap in gaps.items() if max(pair) < 4) >= 0.1
    assert min(gaps.values()) >= 0.04


def test_series_take_their_own_colour_or_the_next_one():
    series = [Series("a"), Series("people", PAPER.muted), Series("b"), Series("a")]
    assert colours_of(series) == {"a": colour(0), "people": PAPER.muted, "b": colour(1)}
