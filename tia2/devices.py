"""Where a model runs: the device, and the CPU cores beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tia2.errors import RewardError, unknown_name

if TYPE_CHECKING:
    import torch


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """Return the device to run on.

    Args:
        device: A torch device or its name; None or "auto" takes the first of CUDA, MPS and CPU that is available.

    Returns:
        The device.

    Raises:
        RewardError: No such device in this installation.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device is None or device == "auto":
        return torch.device(next(kind for kind, usable in available.items() if usable))
    try:
        picked = torch.device(device)
    except RuntimeError:
        raise unknown_name("device", str(device), ["auto", *available]) from None
    beyond = picked.type == "cuda" and picked.index is not None and picked.index >= torch.cuda.device_count()
    if not available.get(picked.type, True) or beyond:
        names = ", ".join(kind for kind, usable in available.items() if usable)
        raise RewardError(f"The device {str(device)!r} is not there for this PyTorch. Usable: {names}.")
    return picked


def cpu_count() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
