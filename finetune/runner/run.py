"""The loop of a run: epochs, evaluations and checkpoints, from wherever it stopped."""

from __future__ import annotations

import platform
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from tia2._version import __version__
from tia2.errors import FinetuneError, first_line

from ..ddpo.trainer import DdpoTrainer
from ..policy.model import DiffusionModel
from ..policy.prediction import check_prediction
from ..policy.resolve import resolve
from ..policy.weights import save_weights
from ..rewards.online import Judges
from ..settings.run import RunSettings
from ..training.memory import loading_advice
from ..training.optimiser import Optimiser
from ..training.processes import Processes
from ..training.prompts import PromptSplit, load_prompts
from ..training.trainer import Trainer
from ..weighted.trainer import WeightedTrainer
from .evaluation import Evaluator
from .journal import EPOCH, EVALUATION
from .parts import TRAIN, VALIDATION, total_kl
from .state import RunFolder
from .trackers import Tracker, check_trackers, open_trackers


class Run:
    """A fine-tuning run in a folder.

    Args:
        folder: The folder, new or of the same run.
        settings: The run's settings.
        device: Where the diffusion model runs; the reward models choose theirs.
        processes: The processes that share the run; those that `accelerate launch` or `torchrun` started by default.

    Raises:
        Tia2Error: The model, a reward model or a prompt can't be had; nothing is written then.

    Example:
        >>> settings = tia2.finetune.load_settings("mini-ddpo", ["ddpo.epochs=2"])
        >>> folder = tia2.finetune.Run(Path("runs/short"), settings).go()  # doctest: +SKIP
        >>> folder.evaluated_epochs()  # doctest: +SKIP
        [0, 2]
    """

    def __init__(
        self, folder: Path, settings: RunSettings, device: str = "cpu", processes: Processes | None = None
    ) -> None:
        check_trackers(settings.trackers)
        self.settings = settings
        self._trackers: list[Tracker] = []
        self.processes = processes or Processes.joined(device)
        self._report: Callable[[int, str, int, int], None] | None = None
        prompts = load_prompts(settings.prompts)
        self.judges, self.model, self.optimiser = self.processes.together(lambda: self._loaded(prompts))
        self.evaluator = Evaluator(self.model, settings, prompts, self.judges, self.processes)
        shared = (self.model, settings, prompts, self.judges, self.optimiser, self.processes)
        self.trainer: Trainer = (
            DdpoTrainer(*shared) if settings.method == "ddpo" else WeightedTrainer(*shared, folder=folder)
        )
        facts = {
            "identity": secrets.token_hex(4),
            "tia2_version": __version__,
            "versions": _versions(),
            "judges": self.judges.names,
            "entries": self.judges.identities(),
            "dimensions": list(self.model.latent_shape),
            "trained_weights": sum(parameter.numel() for parameter in self.model.parameters),
        }
        self.folder = self.processes.on_main(lambda: RunFolder.create(folder, settings, facts))
        self.processes.gather(self._see_folder)

    def _loaded(self, prompts: PromptSplit) -> tuple[Judges, DiffusionModel, Optimiser]:
        device = self.processes.device
        with loading_advice():
            judges = Judges(self.settings.reward, prompts.contrastive, device)
            model = DiffusionModel.load(self.settings.model, device)
            if resolve(self.settings.model.name).checkpoint is None:  # the embedded model is known to fit
                check_prediction(model)
            return judges, model, Optimiser(model.parameters, self.settings.optimiser)

    def _see_folder(self) -> None:
        if not self.folder.about.is_file():
            raise FinetuneError(
                f"Process {self.processes.rank} on {platform.node()} doesn't see {self.folder.path}: the folder of a "
                "run on several machines must be on storage that all of them share."
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
            FinetuneError: It had to stop, and the last checkpoint is kept; or another process writes the folder.
        """
        with ExitStack() as stack:
            self.processes.on_main(lambda: stack.enter_context(self.folder.locked()))
            first = self._resume()
            self.processes.on_main(lambda: self._open_trackers(stack))
            self._go(first)
        return self.folder

    def _open_trackers(self, stack: ExitStack) -> None:
        self._trackers = open_trackers(self.folder, self.settings.trackers)
        for tracker in self._trackers:
            stack.callback(tracker.close)

    def _go(self, done: int) -> None:
        if done < 0:
            self._evaluate(0)
            self._refuse_blind()
            self._checkpoint(0)
        last = self.trainer.epochs
        for number in range(max(done, 0) + 1, last + 1):
            if self.processes.on_main(self.stopped):
                break
            began = time.time()
            metrics = self.trainer.epoch(number, partial(self._tell, number))
            self._log({"kind": EPOCH, "epoch": number, "wall_seconds": time.time() - began, **metrics})
            if number % self.settings.evaluation.every == 0 or number == last:
                self._evaluate(number)
            if number % self.settings.save_every == 0 or number == last:
                self._checkpoint(number)

    def stopped(self) -> str:
        """Return why the run ends early, empty where it doesn't: its KL budget is spent, or validation gold fell."""
        records = [record for record in self.folder.records() if record["kind"] == EVALUATION]
        if not records:
            return ""
        budget, drop = self.settings.stop.kl_nats, self.settings.stop.held_out_drop
        if budget is not None and records[-1]["kl"] >= budget:
            return f"the KL budget of {budget:g} nats is spent"
        golds = [record["validation_gold"] for record in records if record.get("validation_gold") is not None]
        if drop is not None and golds and golds[-1] <= max(golds) - drop:
            return f"gold on the validation seeds has fallen by {max(golds) - golds[-1]:.3f} from its best"
        return ""

    def _resume(self) -> int:
        """Take up the last checkpoint and return its epoch; −1 where there is none."""
        epoch = self.processes.gather(self._restored)[0]
        self.processes.on_main(lambda: self.folder.forget_after(epoch))
        return epoch

    def _restored(self) -> int:
        state = self.folder.load_checkpoint()
        if state is None:
            return -1
        try:
            epoch = int(state["epoch"])
            self.optimiser.restore(state["optimiser"])
            self.trainer.restore(state["trainer"])
        except FinetuneError:
            raise
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise FinetuneError(
                f"{self.folder.checkpoint} is no checkpoint of this run ({first_line(error)}). Restore it from a copy, "
                "or delete it to begin again with the first evaluation."
            ) from None
        return epoch

    def _refuse_blind(self) -> None:
        # Known only now: of a reward of the user's own, no card says that it ignores the text.
        blind = set.intersection(*self.processes.gather(lambda: set(self.judges.blind)))
        if blind:
            raise FinetuneError(
                f"{min(blind)} compares each prompt with its contrastive prompts, and one of its rewards gave each "
                "image the same reward for all of them, so it is constant. Use that reward raw."
            )

    def _checkpoint(self, number: int) -> None:
        self.processes.agree(self.model.parameters)
        self.processes.on_main(
            lambda: self.folder.save_checkpoint(
                {"epoch": number, "optimiser": self.optimiser.state(), "trainer": self.trainer.state()}
            )
        )

    def _evaluate(self, number: int) -> None:
        with self.optimiser.averaged():
            evaluation = self.evaluator.evaluate(partial(self._tell, number))
            self.processes.on_main(lambda: save_weights(self.model, self.folder.weights_path(number)))
        self.processes.on_main(lambda: self.folder.save_evaluation(number, evaluation.frame))
        frame = evaluation.frame
        chosen = frame[(frame["split"] == TRAIN) & (frame["part"] == VALIDATION)]
        self._log(
            {
                "kind": EVALUATION,
                "epoch": number,
                "updates": self.optimiser.updates,
                "kl": total_kl(evaluation.step_kl),
                "step_kl": [float(value) for value in evaluation.step_kl],
                "validation_gold": float(chosen[Judges.GOLD].mean()) if Judges.GOLD in frame else None,
                **{role: float(frame[role].mean()) for role in self.judges.names},
            }
        )

    def _log(self, record: Mapping[str, Any]) -> None:
        self.processes.on_main(lambda: self._keep({"time": round(time.time(), 3), **record}))

    def _keep(self, record: Mapping[str, Any]) -> None:
        self.folder.log(record)
        if record["kind"] == EVALUATION:
            self.folder.save_curves()
        for tracker in self._trackers:
            tracker.log(record)

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
