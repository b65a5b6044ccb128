"""Gradients through a network in float16 that don't vanish."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


class GradientScale:
    """Scales the gradient that enters a half-precision network up, and the weights' gradients down by the same factor.

    The gradient of a mean over 16,384 dimensions and thousands of pairs of sample and step is near 1e-8 per element,
    below float16's smallest number. It is multiplied by the power of two that brings its largest element to between 1
    and 2, so that the weights' gradients come out the same but for what float16 rounds.

    Args:
        parameters: The trained weights, float32.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._parameters = list(parameters)
        self._factor = torch.ones((), device=self._parameters[0].device)
        for parameter in self._parameters:
            parameter.register_hook(self._unscale)  # type: ignore[no-untyped-call]

    def __call__(self, output: Tensor) -> Tensor:
        """Return the network's output as it is; its gradient is scaled on the way back.

        Args:
            output: The output, float32.
        """
        result: Tensor = _Scaled.apply(output, self._factor)
        return result

    def _unscale(self, gradient: Tensor) -> Tensor:
        return gradient / self._factor


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, output: Tensor, factor: Tensor) -> Tensor:
        ctx.factor = factor
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        largest = gradient.abs().amax()
        usable = torch.isfinite(largest) & (largest > 0)
        exponent = -torch.where(usable, largest, 1.0).log2().floor()
        # Kept on the device, so that no backward pass waits for it; the weights' hooks run after this.
        ctx.factor.copy_(torch.exp2(exponent))
        return gradient * ctx.factor, None
