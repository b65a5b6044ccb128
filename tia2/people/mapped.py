"""What studies take from `tia2.finetune` and `tia2.leaderboard`, all of it here.

Type checkers and import-linter know these packages by their folders, programs by the names that `setup.cfg` maps them
to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finetune.policy.resolve import ModelSource, resolve
    from finetune.report.pages import render, shown_blocks
    from finetune.runner.parts import TEST
    from finetune.runner.state import RunFolder
    from finetune.sampling.checkpoints import LAST, epoch_of
    from finetune.sampling.requests import SampleRequest, begin, file_name, save_image
    from finetune.settings.model import SamplerSettings
    from finetune.sheets import SheetBlock, SheetRow, image_sheet
    from leaderboard import __file__ as _board
else:
    from tia2.finetune.policy.resolve import ModelSource, resolve
    from tia2.finetune.report.pages import render, shown_blocks
    from tia2.finetune.runner.parts import TEST
    from tia2.finetune.runner.state import RunFolder
    from tia2.finetune.sampling.checkpoints import LAST, epoch_of
    from tia2.finetune.sampling.requests import SampleRequest, begin, file_name, save_image
    from tia2.finetune.settings.model import SamplerSettings
    from tia2.finetune.sheets import SheetBlock, SheetRow, image_sheet
    from tia2.leaderboard import __file__ as _board

__all__ = [
    "EMBEDDED",
    "LAST",
    "TEST",
    "ModelSource",
    "RunFolder",
    "SampleRequest",
    "SamplerSettings",
    "SheetBlock",
    "SheetRow",
    "begin",
    "epoch_of",
    "file_name",
    "image_sheet",
    "render",
    "resolve",
    "save_image",
    "shown_blocks",
]

EMBEDDED = Path(str(_board)).parent / "assets"
"""Folder of the score tables that come with tia2, of the four tiny rewards on `mini`."""
