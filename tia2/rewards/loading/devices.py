"""In which number format a model runs, and on how many threads; on which device: `tia2.devices`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tia2.errors import unknown_name

if TYPE_CHECKING:
    import torch

DTYPES = {
    "float32": "float32",
    "fp32": "float32",
    "float16": "float16",
    "fp16": "float16",
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
}
"""The names by which a number format can be asked for."""

SMALL_MODEL = 5_000_000
"""Models with fewer parameters run on one thread: handing out their work costs more than it saves."""


def pick_dtype(dtype: str | torch.dtype | None = None) -> torch.dtype:
    """Return the number format of a model's towers; float32 unless another one is asked for.

    Raises:
        UnknownNameError: The name is not one of `DTYPES`.

    Example:
        >>> pick_dtype("bf16")
        torch.bfloat16
    """
    import torch

    name = "float32" if dtype is None else str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise unknown_name("dtype", name, DTYPES)
    picked: torch.dtype = getattr(torch, DTYPES[name])
    return picked


@contextmanager
def threads_for(parameters: int) -> Iterator[None]:
    """Run a block with as many torch threads as a model of this size can use, and restore the number after it."""
    import torch

    before = torch.get_num_threads()
    wanted = 1 if parameters < SMALL_MODEL else before
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
