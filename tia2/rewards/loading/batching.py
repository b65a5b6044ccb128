"""Number of inputs at a time, and fewer when they don't fit in memory."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable
from typing import TypeVar

from tia2.errors import RewardError
from tia2.rewards.loading.devices import SMALL_MODEL

Result = TypeVar("Result")

SMALL, LARGE, ACCELERATOR = 64, 8, 256
"""Batch sizes to begin with: a small model on the CPU, a large one there, and any model on an accelerator."""


_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""How accelerators, and PyTorch's allocator in main memory on Linux and on Windows, say so."""


def first_batch_size(device: str, parameters: int) -> int:
    """Return the batch size to try first.

    On a CPU a large model gains nothing from large batches; on an accelerator what doesn't fit is halved.

    Example:
        >>> first_batch_size("cpu", 400_000_000), first_batch_size("cuda:0", 400_000_000)
        (8, 256)
    """
    if device.partition(":")[0] not in ("cpu", "unknown"):
        return ACCELERATOR
    return SMALL if parameters < SMALL_MODEL else LARGE


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on an accelerator or in main memory.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
        True
    """
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY)


def halving(work: Callable[[int], Result], batch_size: int, name: str) -> tuple[Result, int]:
    """Run some work with a batch size, and again with half of it as long as memory runs out.

    Args:
        work: Function of a batch size, which starts from the beginning in every call.
        batch_size: Batch size of the first call.
        name: Name of the model in the warning and the error.

    Returns:
        What the work returned, and the batch size with which it did.

    Raises:
        RewardError: Not even one input at a time fits.

    Example:
        >>> halving(lambda size: size * 10, 64, "mine")
        (640, 64)
    """
    size = batch_size
    while True:
        try:
            result = work(size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                reason = " ".join(str(error).split())
                raise RewardError(
                    f"Reward {name!r} runs out of memory even with one input at a time ({reason}). "
                    "Use a lower dtype, another device, or a smaller model."
                ) from None
        else:
            break
        # Here, past the handler, no frame of the failed call holds tensors any more.
        free_memory()
        size = (size + 1) // 2
    if size < batch_size:
        warnings.warn(
            f"Reward {name!r} ran out of memory with a batch size of {batch_size}; going on with {size}.", stacklevel=3
        )
    return result, size


def free_memory() -> None:
    """Give memory that no object uses any more back to the accelerator."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
