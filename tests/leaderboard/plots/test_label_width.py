"""How much room labels get, against what a browser needs for them."""

from __future__ import annotations

import pytest

from tia2.figures.style import FONT
from tia2.leaderboard.plots.label_width import widest, width

LABELS = [
    "mini-countblind", "ImageReward", "BLIP-2 (ITM)", "MAXIMUM WIDTH MODEL", "lllliiii.jjj", "HPSv2.1 + TextNorm",
    "ÄÖÜ éèê naïve", "0.805", "-0.25", "wwwwmmmm@@", "a & b <c>",
]  # fmt: skip


def test_tags_and_escapes_take_no_room():
    assert width("a &amp; b") == width("a & b")
    assert width("<b>model</b>") == width("model")
    assert width("model<br><b>a much longer line</b>") == width("a much longer line")
    assert width("") == widest([]) == 0


def test_wide_characters_take_their_whole_width():
    assert width("模型评分") >= 48


def test_longer_labels_take_more():
    widths = [width("model-one"[:length]) for length in range(10)]
    assert widths == sorted(widths)
    assert len(set(widths)) == 10


@pytest.mark.browser
@pytest.mark.slow
def test_labels_fit_into_the_room_they_get(browser):
    page = browser.new_page()
    measured = page.evaluate(
        """([labels, font]) => {
          const pen = document.createElement("canvas").getContext("2d");
          pen.font = `12px ${font}`;
          return labels.map(label => pen.measureText(label).width);
        }""",
        [LABELS, FONT],
    )
    page.close()
    for label, needed in zip(LABELS, measured, strict=True):
        given = width(label.replace("&", "&amp;").replace("<", "&lt;"))
        assert needed <= given + 4, label
        assert given <= 1.7 * needed + 6, label
