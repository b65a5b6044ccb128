"""The loop of a run: epochs, evaluations and checkpoints, from wherever it stopped."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tia2._version import __version__
from tia2.errors import FinetuneError

from ..ddpo.trainer import DdpoTrainer
from ..policy.model import DiffusionModel
from ..policy.weights import save_weights
from ..rewards.online import Judges
from ..settings.run import RunSettings
from ..training.optimiser import Optimiser
from ..training.prompts import load_prompts
from ..weighted.trainer import WeightedTrainer
from .evaluation import Evaluator
from .parts import TRAIN, VALIDATION, total_kl
from .state import RunFolder

Report = Callable[[str, int, int], None]


class Trainer(Protocol):
    """A method: what one epoch does, and what it must remember between epochs."""

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        ...

    def epoch(self, number: int, report: Report) -> dict[str, float]:
        """Train for one epoch and return what the journal keeps of it."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        ...


class Run:
    """A fine-tuning run in a folder.

    Args:
        folder: The folder, new or of the same run.
        settings: The run's settings.
        device: Where the diffusion model runs; the reward models choose theirs.

    Raises:
        Tia2Error: The model, a reward model or a prompt can't be had; nothing is written then.

    Example:
        >>> settings = tia2.finetune.load_settings("mini-ddpo", ["ddpo.epochs=2"])
        >>> folder = tia2.finetune.Run(Path("runs/short"), settings).go()  # doctest: +SKIP
        >>> folder.evaluated_epochs()  # doctest: +SKIP
        [0, 2]
    """

    def __init__(
        self,
        folder: Path,
        settings: RunSettings,
        device: str = "cpu",
    ) -> None:
        self.settings = settings
        self._report: Callable[[int, str, int, int], None] | None = None
        prompts = load_prompts(settings.prompts)
        self.judges = Judges(settings.reward, prompts.contrastive, device)
        self.model = DiffusionModel.load(settings.model, device)
        self.optimiser = Optimiser(self.model.parameters, settings.optimiser)
        self.evaluator = Evaluator(self.model, settings, prompts, self.judges)
        shared = (self.model, settings, prompts, self.judges, self.optimiser)
        self.trainer: Trainer = (
            DdpoTrainer(*shared) if settings.method == "ddpo" else WeightedTrainer(*shared, folder=folder)
        )
        self.folder = RunFolder.create(
            folder,
            settings,
            {
                "tia2_version": __version__,
                "versions": _versions(),
                "judges": self.judges.names,
                "entries": self.judges.identities(),
                "dimensions": list(self.model.latent_shape),
                "trained_weights": sum(parameter.numel() for parameter in self.model.parameters),
            },
        )

    def report_to(self, report: Callable[[int, str, int, int], None]) -> None:
        """Send progress to a function from now on.

        Args:
            report: Called with the epoch, what is done, how much of it, and how much there is.
        """
        self._report = report

    def go(self) -> RunFolder:
        """Run to the end, from the last checkpoint where there is one.

        Returns:
            The run's folder.

        Raises:
            FinetuneError: It had to stop; the last checkpoint is kept, and the text says how to resume.
        """
        first = self._resume()
        if first is None:
            first = 0
            self.folder.forget_after(-1)
            self._evaluate(first)
            self._checkpoint(first)
        last = self.trainer.epochs
        for number in range(first + 1, last + 1):
            if self.stopped():
                break
            began = time.time()
            metrics = self.trainer.epoch(number, partial(self._tell, number))
            self.folder.log({"kind": "epoch", "epoch": number, "wall_seconds": time.time() - began, **metrics})
            if number % self.settings.evaluation.every == 0 or number == last:
                self._evaluate(number)
            if number % self.settings.save_every == 0 or number == last:
                self._checkpoint(number)
        return self.folder

    def stopped(self) -> str:
        """Return why the run ends early, empty where it doesn't: its KL budget is spent, or validation gold fell."""
        records = [record for record in self.folder.records() if record["kind"] == "evaluation"]
        if not records:
            return ""
        budget, drop = self.settings.stop.kl_nats, self.settings.stop.held_out_drop
        if budget is not None and records[-1]["kl"] >= budget:
            return f"the KL budget of {budget:g} nats is spent"
        golds = [record["validation_gold"] for record in records if record.get("validation_gold") is not None]
        if drop is not None and golds and golds[-1] <= max(golds) - drop:
            return f"gold on the validation seeds has fallen by {max(golds) - golds[-1]:.3f} from its best"
        return ""

    def _resume(self) -> int | None:
        """Take up the last checkpoint and return its epoch; None where there is none."""
        state = self.folder.load_checkpoint()
        if state is None:
            return None
        self.optimiser.restore(state["optimiser"])
        self.trainer.restore(state["trainer"])
        epoch = int(state["epoch"])
        self.folder.forget_after(epoch)
        return epoch

    def _checkpoint(self, number: int) -> None:
        self.folder.save_checkpoint(
            {"epoch": number, "optimiser": self.optimiser.state(), "trainer": self.trainer.state()}
        )

    def _evaluate(self, number: int) -> None:
        with self.optimiser.averaged():
            evaluation = self.evaluator.evaluate(partial(self._tell, number))
            save_weights(self.model, self.folder.weights_path(number))
        self.folder.save_evaluation(number, evaluation.frame)
        frame = evaluation.frame
        chosen = frame[(frame["split"] == TRAIN) & (frame["part"] == VALIDATION)]
        self.folder.log(
            {
                "kind": "evaluation",
                "epoch": number,
                "updates": self.optimiser.updates,
                "kl": total_kl(evaluation.step_kl),
                "step_kl": [float(value) for value in evaluation.step_kl],
                "validation_gold": float(chosen[Judges.GOLD].mean()) if Judges.GOLD in frame else None,
                **{role: float(frame[role].mean()) for role in self.judges.names},
            }
        )

    def _tell(self, epoch: int, what: str, done: int, total: int) -> None:
        if self._report is not None:
            self._report(epoch, what, done, total)


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    names = ("torch", "diffusers", "transformers", "peft", "numpy")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError as error:  # noqa: PERF203 - five names
            raise FinetuneError(f"Fine-tuning needs {name}: pip install 'tia2[finetune]'.") from error
    return versions
