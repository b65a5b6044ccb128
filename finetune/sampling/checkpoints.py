"""A run's checkpoints by name, and the model with their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2.errors import FinetuneError

from ..diagnostics.curves import RunCurves, checkpoint_at
from ..diagnostics.peak import peak_test
from ..runner.state import RunFolder

if TYPE_CHECKING:
    from ..policy.model import DiffusionModel

BASE, LAST, PEAK = "base", "last", "peak"
"""Names of checkpoints beside the numbers of epochs."""


def epoch_of(folder: RunFolder, name: str) -> int:
    """Return the epoch of a checkpoint.

    Args:
        folder: The run's folder.
        name: "base", "last", "peak" (the highest gold on validation images), or the number of an evaluated epoch.

    Raises:
        FinetuneError: There is no such checkpoint, or no gold judge that a peak could be told by.
    """
    curves = RunCurves.of(folder)
    if name == BASE:
        return int(curves.epochs[0])
    if name == LAST:
        return int(curves.epochs[-1])
    if name == PEAK:
        test = peak_test(curves)
        if test is None:
            raise FinetuneError(f"{folder.path} has no peak: it needs a gold judge and at least two evaluations.")
        return test.peak_epoch
    if not name.isdigit():
        raise FinetuneError(f"--epoch takes a number, {PEAK}, {LAST} or {BASE}, got {name!r}.")
    return int(curves.epochs[checkpoint_at(curves, int(name))])


def load_checkpoint(folder: RunFolder, epoch: int, device: str = "cpu") -> DiffusionModel:
    """Return the run's model with the weights that it had at an evaluation.

    Args:
        folder: The run's folder.
        epoch: An evaluated epoch.
        device: Where the model runs.

    Raises:
        FinetuneError: The weights aren't there, or are damaged.
        Tia2Error: The base model can't be loaded.
    """
    from ..policy.model import DiffusionModel
    from ..policy.weights import load_weights

    path = folder.weights_path(epoch)
    if not path.is_dir():
        raise FinetuneError(f"{path} is not there: the weights of epoch {epoch} were not kept.")
    model = DiffusionModel.load(folder.settings().model, device)
    load_weights(model, path)
    return model
