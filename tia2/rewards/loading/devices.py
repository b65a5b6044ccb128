"""Where a model runs and in which number format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tia2.errors import RewardError, unknown_name

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


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """Return the device to run on.

    Args:
        device: A torch device or its name; None or "auto" takes the first of CUDA, MPS and CPU that is there.

    Raises:
        RewardError: No such device in this installation.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device is None or device == "auto":
        return torch.device(next(kind for kind, is_available in available.items() if is_available))
    try:
        picked = torch.device(device)
    except RuntimeError:
        raise unknown_name("device", str(device), ["auto", *available]) from None
    beyond = picked.type == "cuda" and picked.index is not None and picked.index >= torch.cuda.device_count()
    if not available.get(picked.type, True) or beyond:
        usable = ", ".join(kind for kind, is_available in available.items() if is_available)
        raise RewardError(f"The device {str(device)!r} is not there for this PyTorch. Usable: {usable}.")
    return picked


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


def cpu_count() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
