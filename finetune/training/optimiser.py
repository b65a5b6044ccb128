"""The optimiser of a run with its warm-up, and a moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from tia2.errors import FinetuneError

from ..settings.run import OptimiserSettings

if TYPE_CHECKING:
    from torch import Tensor, nn


class Optimiser:
    """AdamW with a linear warm-up, a bound on the gradient's norm, and a moving average of the weights.

    Args:
        parameters: The trained weights, in a fixed order.
        settings: Its settings.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], settings: OptimiserSettings) -> None:
        self.parameters = list(parameters)
        self.settings = settings
        self.updates = 0
        self._adam = torch.optim.AdamW(
            self.parameters,
            lr=settings.lr,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            eps=settings.eps,
        )
        self._average = [parameter.detach().clone() for parameter in self.parameters] if settings.ema else []

    def step(self) -> float:
        """Update the weights from the gradients that they hold, clear these, and return the gradients' norm.

        Raises:
            FinetuneError: The gradient isn't finite; the weights are as they were.
        """
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.max_grad_norm))
        if norm != norm or norm == float("inf"):
            self._adam.zero_grad(set_to_none=True)
            raise FinetuneError(
                f"The gradient of update {self.updates + 1} isn't finite: the weights are kept as they were. Lower "
                "optimiser.lr, or use model.precision float32."
            )
        share = min(1.0, (self.updates + 1) / self.settings.warmup) if self.settings.warmup else 1.0
        for group in self._adam.param_groups:
            group["lr"] = self.settings.lr * share
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        self.updates += 1
        with torch.no_grad():
            for average, parameter in zip(self._average, self.parameters, strict=True) if self._average else ():
                average.lerp_(parameter, 1 - self.settings.ema)
        return norm

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within the block, the weights are their moving average; without one, they stay as they are."""
        if not self._average:
            yield
            return
        present = [parameter.detach().clone() for parameter in self.parameters]
        _copy(self._average, self.parameters)
        try:
            yield
        finally:
            _copy(present, self.parameters)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: copies of weights, moments and average on the CPU, and the count."""
        return {
            "weights": [parameter.detach().cpu().clone() for parameter in self.parameters],
            "adam": _snapshot(self._adam.state_dict()),
            "average": [average.cpu().clone() for average in self._average],
            "updates": self.updates,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned.

        Raises:
            FinetuneError: It is of other weights.
        """
        shapes = [tuple(weights.shape) for weights in state["weights"]]
        if shapes != [tuple(parameter.shape) for parameter in self.parameters]:
            raise FinetuneError("The checkpoint holds weights of another model than the run's settings name.")
        _copy(state["weights"], self.parameters)
        _copy(state["average"], self._average)
        self._adam.load_state_dict(state["adam"])
        self.updates = int(state["updates"])


@torch.no_grad()
def _copy(values: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)


def _snapshot(state: Any) -> Any:
    # torch hands out the very tensors that the next update changes.
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().clone()
    if isinstance(state, dict):
        return {key: _snapshot(value) for key, value in state.items()}
    return [_snapshot(value) for value in state] if isinstance(state, list) else state
