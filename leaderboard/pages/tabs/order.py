"""The tabs in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...data.boards import Live
from ..parts import Tab
from . import about as about_tab
from . import benchmarks as benchmarks_tab
from . import board as board_tab
from . import calibration as calibration_tab
from . import compare as compare_tab
from . import finetune as finetune_tab
from . import items as items_tab
from . import plots as plots_tab
from . import submit as submit_tab


class Chapter(NamedTuple):
    """A tab before it is built.

    Attributes:
        id: Value of `tab` in the address.
        title: Title on the page.
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
    Chapter("benchmarks", "Benchmarks", benchmarks_tab.build),
    Chapter("calibration", "Calibration", calibration_tab.build),
    Chapter("finetune", "Fine-tuning", finetune_tab.build),
    Chapter("submit", "Submit", submit_tab.build),
    Chapter("about", "About", about_tab.build),
)
