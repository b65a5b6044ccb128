"""The over-optimisation report of a run, as it stands in its file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from tia2.errors import FinetuneError
from tia2.files import explain, write_atomically

from ..bon.records import Number, Part
from ..diagnostics.fits import LawFit
from ..diagnostics.images import StatisticCurve
from ..diagnostics.peak import PeakTest
from ..diagnostics.prompts import PromptChange
from ..diagnostics.selection import RuleOutcome
from .frontier import ScaleSweep
from .words import verdict_sentence

SCHEMA_VERSION = 1


class JudgeCurve(Part):
    """One judge's mean over the test images along the run."""

    role: str
    """"proxy", "gold", or "watch0" and on."""
    name: str
    split: Literal["train", "held-out"]
    mean: list[Number]
    low: list[Number]
    """Lower ends of the intervals, clustered by prompt."""
    high: list[Number]
    spread: Number = math.nan
    """Standard deviation among the base model's images of a prompt, which gains of judges in different units are
    compared by."""

    def gains(self) -> list[float]:
        """Return the gain over the base model at each evaluation, in standard deviations of the base model's images."""
        scale = self.spread if self.spread > 0 else math.nan
        return [(mean - self.mean[0]) / scale for mean in self.mean]


class Report(Part):
    """The over-optimisation report of one run."""

    schema_version: Literal[1] = 1
    tia2_version: str
    name: str
    settings: dict[str, Any]
    judges: dict[str, str]
    prompts: list[str]
    held_out: list[str]
    epochs: list[int]
    updates: list[int]
    kl: list[Number]
    """Path KL to the base model without the last two steps, nats."""
    kl_all_steps: list[Number]
    step_kl: list[list[Number]]
    curves: list[JudgeCurve]
    peaks: list[PeakTest]
    changes: list[PromptChange] = Field(default_factory=list)
    """What became of each prompt, those whose gold fell furthest first."""
    law: LawFit | None
    rules: list[RuleOutcome]
    distance: list[Number]
    """Mean cosine distance between the images of a prompt."""
    vendi: list[Number]
    """Effective number of different images per prompt."""
    images_per_prompt: int
    statistics: list[StatisticCurve]
    sweeps: list[ScaleSweep] = Field(default_factory=list)
    """What the weights give at other strengths, where `tia2 finetune sweep` measured it."""

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        peak = self.peaks[0] if self.peaks else None
        gold = self.curve("gold")
        return verdict_sentence(self.judges, peak, gold.mean if gold else [], self.epochs)

    def curve(self, role: str, split: str = "train") -> JudgeCurve | None:
        """Return the curve of a judge; None where there is none.

        Args:
            role: "proxy", "gold", "watch0", …
            split: "train", or "held-out" for the prompts that were not trained on.
        """
        return next((curve for curve in self.curves if (curve.role, curve.split) == (role, split)), None)

    def position(self, epoch: int) -> int:
        """Return the position of an evaluated epoch among the evaluations."""
        return self.epochs.index(epoch)

    def save(self, path: Path) -> Path:
        """Write the report as JSON; the file is whole or absent at any time."""
        write_atomically(path, (self.model_dump_json(indent=1) + "\n").encode(), FinetuneError)
        return path

    def __repr__(self) -> str:
        return f"Report({self.name!r}: {self.verdict})"


def load_report(path: Path) -> Report:
    """Read what `Report.save` wrote.

    Raises:
        FinetuneError: There is no such file, or it is no report.
    """
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise FinetuneError(f"{path} can't be read: {error.strerror or error}.") from None
    except ValidationError as error:
        raise FinetuneError(f"{path} is no fine-tuning report ({explain(error)}).") from None
