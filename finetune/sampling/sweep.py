"""A finished run at part of its strength: one adapter at many scales, evaluated as the run's own checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError
from tia2.files import replacing, write_atomically

from ..diagnostics.curves import RunCurves
from ..runner.state import RunFolder

if TYPE_CHECKING:
    import pandas as pd

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
"""Scales of a sweep by default: the base model, the trained one, three between them and one beyond."""


@dataclass(frozen=True)
class KeptSweep:
    """The evaluations of a sweep that a run's folder holds.

    Args:
        folder: The run's folder.
        epoch: Epoch of the weights.
    """

    folder: RunFolder
    epoch: int

    @property
    def path(self) -> Path:
        """The sweep's own folder."""
        return self.folder.path / "sweep" / f"epoch_{self.epoch:05d}"

    def scales(self) -> list[float]:
        """Return the scales that are evaluated, ascending; the base model and the trained one always are."""
        return sorted({0.0, 1.0, *(float(file.stem.removeprefix("scale_")) for file in self.path.glob("scale_*.json"))})

    def save(self, scale: float, frame: pd.DataFrame, step_kl: Sequence[float]) -> None:
        """Keep an evaluation.

        Args:
            scale: Its scale.
            frame: Its images and scores.
            step_kl: KL per step.
        """
        with replacing(self._file(scale, "parquet"), FinetuneError) as unfinished:
            frame.to_parquet(unfinished, index=False)
        # Written last: its presence says that the evaluation is whole.
        content = json.dumps({"scale": scale, "step_kl": list(step_kl)}) + "\n"
        write_atomically(self._file(scale, "json"), content.encode(), FinetuneError)

    def evaluation(self, scale: float) -> tuple[pd.DataFrame, list[float]]:
        """Return an evaluation's scores without the images, and its KL per step.

        Args:
            scale: One of `scales`.

        Raises:
            FinetuneError: A file is damaged.
        """
        if scale in (0.0, 1.0):
            # The run itself evaluated the base model, before training, and these weights.
            epoch = self.epoch if scale else self.folder.evaluated_epochs()[0]
            lines = {line["epoch"]: line for line in self.folder.records() if line["kind"] == "evaluation"}
            return self.folder.evaluation(epoch, images=False), lines[epoch]["step_kl"]
        import pandas as pd
        import pyarrow as pa

        path = self._file(scale, "parquet")
        try:
            about: dict[str, Any] = json.loads(self._file(scale, "json").read_text(encoding="utf-8"))
            frame: pd.DataFrame = pd.read_parquet(path).drop(columns="image")
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise FinetuneError(f"{path} can't be read: {' '.join(str(error).split())}. Delete it.") from None
        return frame, about["step_kl"]

    def curves(self) -> RunCurves:
        """Return the values along the scales, as those along a run; the position of a scale stands for its epoch.

        Raises:
            FinetuneError: A file is damaged, or holds other images than the run's evaluations.
        """
        names: dict[str, str] = self.folder.facts()["judges"]
        evaluations = {scale: self.evaluation(scale) for scale in self.scales()}
        frames = [frame for frame, _ in evaluations.values()]
        for scale, frame in zip(evaluations, frames, strict=True):
            if not frames[0][["prompt", "number"]].equals(frame[["prompt", "number"]]):
                raise FinetuneError(f"{self._file(scale, 'parquet')} holds other images than the run. Delete it.")
        records = {
            number: {"step_kl": step_kl, "updates": number} for number, (_, step_kl) in enumerate(evaluations.values())
        }
        return RunCurves.from_frames(names, records, dict(enumerate(frames)))

    def _file(self, scale: float, suffix: str) -> Path:
        return self.path / f"scale_{scale:.4f}.{suffix}"


def kept_sweeps(folder: RunFolder) -> list[KeptSweep]:
    """Return the sweeps that a run's folder holds, by epoch.

    Args:
        folder: The run's folder.
    """
    names = sorted(file.parent.name for file in (folder.path / "sweep").glob("epoch_*/scale_*.json"))
    return [KeptSweep(folder, int(name.removeprefix("epoch_"))) for name in dict.fromkeys(names)]


def sweep_scales(
    folder: RunFolder,
    epoch: int,
    scales: Sequence[float] = SCALES,
    device: str = "cpu",
    report: Callable[[float, str, int, int], None] | None = None,
) -> KeptSweep:
    """Evaluate a run's weights at many scales, with its own seeds, sampler and judges.

    Each evaluation is kept, so that an interrupted sweep resumes and further scales can be added. Scales 0 and 1 cost
    nothing: the run evaluated the base model and the trained one itself.

    Args:
        folder: The run's folder.
        epoch: Epoch of the weights, an evaluated one.
        scales: The scales, 0 for the base model and 1 for the trained one; above 1 goes beyond it.
        device: Where the diffusion model runs.
        report: Called with the scale, what is done, how much of it, and how much there is.

    Raises:
        FinetuneError: A scale is negative, or the weights aren't there.
        Tia2Error: The model or a reward model can't be loaded.
    """
    for scale in scales:
        # Names of files hold four digits.
        if not 0 <= scale < 100 or round(scale, 4) != scale:
            raise FinetuneError(f"A scale lies between 0 and 100 and has four digits after the point at most: {scale}.")
    sweep = KeptSweep(folder, epoch)
    missing = sorted(set(scales) - set(sweep.scales()))
    if not missing:
        return sweep
    from ..policy.scaling import scaled
    from ..rewards.online import Judges
    from ..runner.evaluation import Evaluator
    from ..training.prompts import load_prompts
    from .checkpoints import load_checkpoint

    settings = folder.settings()
    prompts = load_prompts(settings.prompts)
    model = load_checkpoint(folder, epoch, device)
    evaluator = Evaluator(model, settings, prompts, Judges(settings.reward, prompts.contrastive, device))

    for scale in missing:

        def tell(what: str, done: int, total: int, scale: float = scale) -> None:
            if report is not None:
                report(scale, what, done, total)

        with scaled(model, scale):
            evaluation = evaluator.evaluate(tell)
        sweep.save(scale, evaluation.frame, evaluation.step_kl.tolist())
    return sweep
