"""A vision-language model whose decoder can be watched, and whose logits are float32 at the positions asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

CHUNK = 16384
"""Number of words of the vocabulary that are converted to float32 at a time."""


class Float32Head(nn.Module):
    """The last layer of a language model, in float32, and only where it is asked for.

    logits = hidden · weightᵀ + bias. Logits of 16-bit layers differ by steps of 0.1, which makes many rewards equal.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        # Threads score at once through one model, and each asks for positions of its own.
        self._asked = threading.local()

    @contextmanager
    def reading(self, positions: torch.Tensor) -> Iterator[None]:
        """Give the logits of one position per row only, in this block and thread.

        Args:
            positions: One index into each of n rows, (n,); logits are (n, 1, words).
        """
        self._asked.positions = positions
        try:
            yield
        finally:
            self._asked.positions = None

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits, float32."""
        positions = getattr(self._asked, "positions", None)
        if positions is not None:
            rows = torch.arange(hidden.shape[0], device=hidden.device)
            hidden = hidden[rows, positions.to(hidden.device)][:, None]
        hidden = hidden.float()
        parts = [hidden @ part.float().T for part in torch.split(self.weight, CHUNK)]
        logits = torch.cat(parts, dim=-1)
        return logits if self.bias is None else logits + self.bias.float()


class _DecoderReachedError(Exception):
    """The decoder was reached, and needn't run."""


class Answerer:
    """A loaded model with access to what goes into its decoder and to single positions of its logits.

    Args:
        model: An image-text-to-text model, in evaluation mode. Its last layer is replaced by a `Float32Head`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._local = threading.local()
        # A layer of another class may do more than multiply: it stays, and gives the logits of all positions.
        self._head: Float32Head | None = None
        layer = model.get_output_embeddings()
        if type(layer) is nn.Linear:
            self._head = Float32Head(layer)
            model.set_output_embeddings(self._head)
        model.get_decoder().register_forward_pre_hook(self._watch, with_kwargs=True)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.model.device
        return device

    def logits(self, positions: Sequence[int], **inputs: Any) -> torch.Tensor:
        """Run the model: its logits at one position per row, float32, (n, words).

        Args:
            positions: Index into each of n rows of tokens.
            **inputs: Arguments of the model, already on its device.
        """
        wanted = torch.tensor(positions, device=self.device)
        if self._head is None:
            everywhere: torch.Tensor = self.model(**inputs, return_dict=True).logits
            return everywhere[torch.arange(len(wanted), device=self.device), wanted].float()
        with self._head.reading(wanted):
            logits: torch.Tensor = self.model(**inputs, return_dict=True).logits
        return logits[:, 0].float()

    @contextmanager
    def watching(self, *, stop: bool = False) -> Iterator[dict[str, Any]]:
        """In this block and thread, note what goes into the decoder; and stop there if nothing more is wanted."""
        seen: dict[str, Any] = {}
        self._local.seen, self._local.stop = seen, stop
        try:
            yield seen
        except _DecoderReachedError:
            pass
        finally:
            self._local.seen = None

    def on_device(self, values: dict[str, Any]) -> dict[str, Any]:
        """Move tensors to the model's device, and floating-point ones to its number format."""
        dtype = self.model.dtype
        return {
            key: value.to(self.device, dtype if value.is_floating_point() else None)
            if isinstance(value, torch.Tensor)
            else value
            for key, value in values.items()
        }

    def _watch(self, module: nn.Module, positional: Any, named: dict[str, Any]) -> None:
        del module, positional
        if (seen := getattr(self._local, "seen", None)) is not None:
            seen.update(named)
            if self._local.stop:
                raise _DecoderReachedError
