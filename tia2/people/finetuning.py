"""What studies take from `tia2.finetune`, all of it here.

Type checkers and import-linter know that package by its folder, programs by the name that `setup.cfg` maps it to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finetune.report.pages import render, shown_blocks
    from finetune.runner.parts import TEST
    from finetune.runner.state import RunFolder
    from finetune.sampling.checkpoints import LAST, epoch_of
    from finetune.sheets import SheetBlock, SheetRow, image_sheet
else:
    from tia2.finetune.report.pages import render, shown_blocks
    from tia2.finetune.runner.parts import TEST
    from tia2.finetune.runner.state import RunFolder
    from tia2.finetune.sampling.checkpoints import LAST, epoch_of
    from tia2.finetune.sheets import SheetBlock, SheetRow, image_sheet

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
