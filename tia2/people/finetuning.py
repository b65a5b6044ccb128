"""What studies take from `tia2.finetune`, all of it here.

Type checkers and import-linter know that package by its folder, programs by the name that `setup.cfg` maps it to.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finetune.report.pages import render, shown_blocks
    from finetune.runner.parts import TEST
    from finetune.runner.state import RunFolder
    from finetune.sampling.checkpoints import LAST, epoch_of
    from finetune.sheets import SheetBlock, SheetRow, image_sheet
else:
    # By name, since in a checkout that isn't installed the folder isn't there under it.
    _pages = import_module("tia2.finetune.report.pages")
    _checkpoints = import_module("tia2.finetune.sampling.checkpoints")
    _sheets = import_module("tia2.finetune.sheets")
    render, shown_blocks = _pages.render, _pages.shown_blocks
    TEST = import_module("tia2.finetune.runner.parts").TEST
    RunFolder = import_module("tia2.finetune.runner.state").RunFolder
    LAST, epoch_of = _checkpoints.LAST, _checkpoints.epoch_of
    SheetBlock, SheetRow, image_sheet = _sheets.SheetBlock, _sheets.SheetRow, _sheets.image_sheet

__all__ = [
    "LAST",
    "TEST",
    "RunFolder",
    "SheetBlock",
    "SheetRow",
    "epoch_of",
    "image_sheet",
    "render",
    "shown_blocks",
]
