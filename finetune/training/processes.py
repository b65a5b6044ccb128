"""The processes that share a run: each does a part of the work, and all know of all results and all errors."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tia2.devices import pick_device
from tia2.errors import FinetuneError, Tia2Error, first_line, missing_dependency

if TYPE_CHECKING:
    from torch import nn

Part = TypeVar("Part")
Item = TypeVar("Item")

_PATIENCE = timedelta(hours=2)
"""How long a process waits for the others: a slow reward on one of them is no reason to stop."""


class Processes:
    """This process among those that share a run; by default it is alone, and needs no process group.

    What every process must do in step goes through an object of this class. An error in one process ends the run in
    all of them: without that, the others would wait for it for ever.

    Args:
        rank: Number of this process, from 0.
        count: The number of processes.
        device: Where this process's diffusion model runs.
    """

    def __init__(self, rank: int = 0, count: int = 1, device: str = "cpu") -> None:
        self.rank = rank
        self.count = count
        self.device = device

    @classmethod
    def joined(cls, device: str | None = None) -> Processes:
        """Join the processes that `accelerate launch` or `torchrun` started, if one of them did.

        Args:
            device: Where to run, as `tia2.devices.pick_device` takes it. Several processes get a device each.

        Raises:
            FinetuneError: One device was named for several processes.
            MissingDependencyError: accelerate isn't installed.
        """
        picked = pick_device(device)
        if int(os.environ.get("WORLD_SIZE") or 1) == 1:
            return cls(device=str(picked))
        if picked.index is not None:
            raise FinetuneError(f"Each of several processes takes a device of its own: leave out --device {picked}.")
        try:
            from accelerate import PartialState
        except ImportError:
            raise missing_dependency("Running on several processes needs accelerate", "finetune") from None
        state = PartialState(cpu=picked.type == "cpu", timeout=_PATIENCE)
        return cls(state.process_index, state.num_processes, str(state.device))

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and speaks to the user."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return this process's share of a sequence: a stretch of it, as long as the others' or one longer.

        Args:
            items: The same sequence in every process.

        Example:
            >>> Processes(rank=1, count=3).share(range(10))
            range(4, 7)
        """
        whole, rest = divmod(len(items), self.count)
        start = self.rank * whole + min(self.rank, rest)
        return items[start : start + whole + (self.rank < rest)]

    def gather(self, work: Callable[[], Part]) -> list[Part]:
        """Do a part of the work in every process, and return all parts in the order of the processes.

        Args:
            work: This process's part; what it returns is sent to the other processes.

        Raises:
            FinetuneError: It failed in another process; here, its own error is raised.
        """
        if self.count == 1:
            return [work()]
        try:
            part = work()
        except Exception as error:  # whatever it is, the other processes must hear of it
            self._exchanged((None, self._words(error)))
            raise
        outcomes = self._exchanged((part, None))
        for _, failure in outcomes:
            if failure is not None:
                raise failure
        return [outcome for outcome, _ in outcomes]

    def together(self, work: Callable[[], Part]) -> Part:
        """Do a part of the work in every process, and return this process's own once all have succeeded.

        Args:
            work: This process's part.
        """
        parts: list[Part] = []
        self.gather(lambda: parts.append(work()))
        return parts[0]

    def on_main(self, work: Callable[[], Part]) -> Part:
        """Do something in the main process alone, and return its outcome in all of them.

        Args:
            work: The main process's part, such as writing a file.
        """
        if self.count == 1:
            return work()
        part: Any = self.gather(lambda: work() if self.main else None)[0]
        outcome: Part = part
        return outcome

    def accumulate(self, parameters: Sequence[nn.Parameter], work: Callable[[], Part]) -> Part:
        """Add to gradients in every process, and give each process the sums over all of them.

        A weight that has no gradient in any process has none afterwards, so that the optimiser passes it over as it
        does with one process.

        Args:
            parameters: The weights.
            work: This process's part, which adds to their gradients, already divided by the number of all pairs.
        """
        if self.count == 1:
            return work()
        try:
            outcome = work()
        except Exception as error:  # as in gather
            self._sum_gradients(parameters, failed=True)
            self._exchanged((None, self._words(error)))
            raise
        if self._sum_gradients(parameters, failed=False):
            self.gather(lambda: None)
        return outcome

    def _sum_gradients(self, parameters: Sequence[nn.Parameter], failed: bool) -> bool:
        """Sum gradients over all processes, and return whether any process failed to compute its own."""
        import torch

        # One message instead of one per weight, with what all must know beside the gradients: who has any, who failed.
        holders = [float(parameter.grad is not None) for parameter in parameters]
        parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in parameters]
        flags = torch.tensor([*holders, float(failed)], device=parts[0].device)
        message = torch.cat([*(part.flatten() for part in parts), flags])
        self._summed(message)
        *totals, flags = torch.split(message, [*(part.numel() for part in parts), len(flags)])
        *holders, failures = map(float, flags)
        for parameter, total, held in zip(parameters, totals, holders, strict=True):
            parameter.grad = total.view_as(parameter).clone() if held else None
        return failures > 0

    def agree(self, parameters: Sequence[nn.Parameter]) -> None:
        """Check that all processes hold the same weights.

        Raises:
            FinetuneError: They don't.
        """
        if self.count == 1:
            return

        def checksum() -> int:
            total = 0
            for parameter in parameters:
                total = zlib.crc32(parameter.detach().cpu().numpy().tobytes(), total)
            return total

        if len(set(self.gather(checksum))) > 1:
            raise FinetuneError("The processes' weights have come apart: are all of the same kind of device?")

    def leave(self) -> None:
        """Leave the process group, at the end of all work."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()

    def _exchanged(self, message: Any) -> list[Any]:
        import torch.distributed as group

        messages: list[Any] = [None] * self.count
        try:
            group.all_gather_object(messages, message)
        except RuntimeError as error:
            raise _alone(error) from None
        return messages

    @staticmethod
    def _summed(message: Any) -> None:
        import torch.distributed as group

        try:
            group.all_reduce(message)
        except RuntimeError as error:
            raise _alone(error) from None

    def _words(self, error: Exception) -> Tia2Error:
        if isinstance(error, Tia2Error):
            return error
        return FinetuneError(f"Process {self.rank} failed: {type(error).__name__}: {first_line(error)}.")


def _alone(error: RuntimeError) -> FinetuneError:
    return FinetuneError(f"Another process of this run has ended ({first_line(error)}).")
