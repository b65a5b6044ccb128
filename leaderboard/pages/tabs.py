"""The tabs in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..live import Live
from . import (
    about_tab,
    board_tab,
    calibration_tab,
    compare_tab,
    finetune_tab,
    items_tab,
    plots_tab,
    submit_tab,
)
from .parts import Tab


class Chapter(NamedTuple):
    """A tab before it is built.

    Attributes:
        id: In the address.
        title: On the page.
        build: Makes its components.
    """

    id: str
    title: str
    build: Callable[[Live], Tab]


CHAPTERS = (
    Chapter("board", "Board", board_tab.build),
    Chapter("plots", "Plots", plots_tab.build),
    Chapter("compare", "Compare", compare_tab.build),
    Chapter("items", "Items", items_tab.build),
    Chapter("calibration", "Calibration", calibration_tab.build),
    Chapter("finetune", "Fine-tuning", finetune_tab.build),
    Chapter("submit", "Submit", submit_tab.build),
    Chapter("about", "About", about_tab.build),
)
