"""The journal's figures in TensorBoard and in Weights & Biases, beside the files that every run keeps."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from tia2.errors import FinetuneError, first_line, missing_dependency

from .journal import EVALUATION
from .state import RunFolder


class Tracker(Protocol):
    """Somewhere that shows a run's figures."""

    def log(self, record: Mapping[str, Any]) -> None:
        """Show a record of the journal."""
        ...

    def close(self) -> None:
        """Send what hasn't been sent."""
        ...


class TensorBoardTracker:
    """Event files in the run's folder `tensorboard`.

    A resumed run writes them again from its journal. Appending would leave the figures that a killed run wrote after
    its last checkpoint in the files twice.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.path = folder.path / "tensorboard"
        records = folder.records()
        try:
            for events in self.path.glob("events.out.tfevents.*"):
                events.unlink()
            self._writer = SummaryWriter(str(self.path))
        except OSError as error:
            raise self._refused(error) from None
        for record in records:
            self.log(record)

    def log(self, record: Mapping[str, Any]) -> None:
        """Write a record of the journal."""
        try:
            for name, value in figures(record).items():
                self._writer.add_scalar(name, value, record["epoch"], record.get("time"))
            self._writer.flush()
        except OSError as error:
            raise self._refused(error) from None

    def close(self) -> None:
        """Close the file."""
        try:
            self._writer.close()
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> FinetuneError:
        return FinetuneError(f"{self.path} can't be written: {error.strerror or error}.")


class WandbTracker:
    """A run of Weights & Biases, in the project `tia2` unless WANDB_PROJECT says otherwise.

    A resumed run continues the same run there, and sends what that one doesn't have yet. Offline, where nothing can be
    continued, it is written again from the journal.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        import wandb

        identity = _identity(folder)
        try:
            self._run = wandb.init(
                project=None if "WANDB_PROJECT" in os.environ else "tia2",
                id=identity,
                name=folder.settings().name,
                dir=str(folder.path),
                config=folder.facts(),
                resume="allow",
            )
        except (wandb.errors.Error, OSError) as error:
            raise FinetuneError(f"Weights & Biases can't be used: {first_line(error)}.") from None
        if self._run.offline:
            for former in (folder.path / "wandb").glob(f"offline-run-*-{identity}"):
                if former not in Path(self._run.dir).parents:
                    shutil.rmtree(former, ignore_errors=True)
        # Steps that the server has can't be sent again; they are the same anyway.
        self._first = int(self._run.starting_step)
        for record in folder.records():
            self.log(record)

    def log(self, record: Mapping[str, Any]) -> None:
        """Send a record of the journal."""
        if record["epoch"] >= self._first:
            self._run.log(figures(record), step=record["epoch"])

    def close(self) -> None:
        """Send what hasn't been sent, and say that the run has ended."""
        self._run.finish()


TRACKERS: Mapping[str, Callable[[RunFolder], Tracker]] = MappingProxyType(
    {"tensorboard": TensorBoardTracker, "wandb": WandbTracker}
)


def check_trackers(names: Sequence[str]) -> None:
    """Refuse trackers whose package isn't there, before anything else is done.

    Raises:
        MissingDependencyError: A package isn't installed; the text says how to get it.
    """
    for name in names:
        if find_spec(name) is None:
            raise missing_dependency(f"The tracker {name!r} needs {name}, which isn't installed", name)


def open_trackers(folder: RunFolder, names: Sequence[str]) -> list[Tracker]:
    """Return trackers that show what the run's journal holds so far.

    Args:
        folder: The run's folder.
        names: Names of trackers.

    Raises:
        FinetuneError: One can't be used.
    """
    return [TRACKERS[name](folder) for name in dict.fromkeys(names)]


def figures(record: Mapping[str, Any]) -> dict[str, float]:
    """Return a record's figures, each under the kind of the record.

    Args:
        record: A record of the journal.

    Example:
        >>> figures({"kind": "epoch", "epoch": 3, "time": 0.0, "loss": 0.5})
        {'epoch/loss': 0.5}
    """
    kind = "evaluation" if record["kind"] == EVALUATION else "epoch"
    return {
        f"{kind}/{name}": value
        for name, value in record.items()
        if name not in ("epoch", "time") and isinstance(value, (int, float))
    }


def _identity(folder: RunFolder) -> str:
    # Of runs that are older than their identity, the file that began them stands for it.
    identity: str = folder.facts().get("identity") or hashlib.sha256(folder.about.read_bytes()).hexdigest()[:8]
    return identity
