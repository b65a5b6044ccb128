"""What to lower when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tia2.errors import FinetuneError
from tia2.rewards.loading.batching import is_out_of_memory


class MemoryLimitError(FinetuneError):
    """Memory ran out, of an accelerator or the machine.

    Attributes:
        remedy: The setting that helps, as `--set` takes it; empty where none is left to lower.
    """

    remedy: str = ""


@contextmanager
def memory_advice(work: str, setting: str, value: int) -> Iterator[None]:
    """Say which setting to lower if memory runs out within the block.

    Args:
        work: The activity of the block, for example "sampling".
        setting: Name of the setting that says how much the block does at a time.
        value: Its value.

    Raises:
        MemoryLimitError: Memory ran out.

    Example:
        >>> try:
        ...     with memory_advice("sampling", "sampler.batch", 16):
        ...         raise MemoryError
        ... except MemoryLimitError as error:
        ...     str(error), error.remedy
        ('Memory ran out while sampling: lower sampler.batch, now 16.', 'sampler.batch=8')
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if value > 1:
            limit = MemoryLimitError(f"Memory ran out while {work}: lower {setting}, now {value}.")
            limit.remedy = f"{setting}={value // 2}"
        else:
            limit = MemoryLimitError(
                f"Memory ran out while {work} even with {setting} 1: use a device with more memory, or begin a run "
                "with model.precision bfloat16 or a smaller model.resolution."
            )
        raise limit from None


@contextmanager
def loading_advice() -> Iterator[None]:
    """Say what helps if memory runs out while models are loaded.

    Raises:
        MemoryLimitError: Memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryLimitError(
            "Memory ran out while the models were loaded: use a device with more memory, or set model.precision to "
            "bfloat16."
        ) from None
