"""The options that every reward model with weights takes, in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from tia2.devices import pick_device
from tia2.rewards.encoder import TextPolicy, check_text_policy
from tia2.rewards.loading.devices import pick_dtype

if TYPE_CHECKING:
    import torch

_Init = TypeVar("_Init", bound=Callable[..., None])


@dataclass(frozen=True)
class EncoderOptions:
    """The keyword arguments that every reward model with weights takes beside its own.

    Attributes:
        device: Device to run on, such as "cpu" or "cuda:1"; the best one of this machine if None or "auto".
        dtype: Number format of the towers, "float32", "bfloat16" or "float16"; float32 if None. Normalisation, product,
            heads and learnt scales are always float32.
        revision: Branch, tag or commit on the Hugging Face Hub; the newest commit if None.
        text_policy: Treatment of texts past the model's limit: "truncate" cuts them and warns with a count, "error"
            refuses them.
        name: Name in tables and plots; that of the published model, or of the folder or file, if None.
        batch_size: Number of images or texts that are encoded at a time; found automatically if None.

    Raises:
        RewardError: The text policy is neither of the two, or this machine has no such device.
        UnknownNameError: No such device or number format.

    Example:
        >>> EncoderOptions(dtype="bfloat16").text_policy
        'truncate'
    """

    device: str | torch.device | None = None
    dtype: str | torch.dtype | None = None
    revision: str | None = None
    text_policy: TextPolicy = "truncate"
    name: str | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        check_text_policy(self.text_policy)
        # Here rather than where they are used, since weights may take minutes to load.
        pick_device(self.device)
        pick_dtype(self.dtype)


class EncoderKeywords(TypedDict, total=False):
    """The fields of `EncoderOptions` as keyword arguments, for type checkers."""

    device: str | torch.device | None
    dtype: str | torch.dtype | None
    revision: str | None
    text_policy: TextPolicy
    name: str | None
    batch_size: int | None


def takes_encoder_options(init: _Init) -> _Init:
    """Show the fields of `EncoderOptions` in the signature of a constructor that takes them as `**options`.

    help() lists the options then, and `load_reward` can name one that a reward model doesn't take.

    Args:
        init: A method `__init__(self, source, ..., **options)`, whose own options are keyword-only.

    Returns:
        The same method.

    Example:
        >>> class Mine:
        ...     @takes_encoder_options
        ...     def __init__(self, source, *, bias=0.0, **options):
        ...         self.options = EncoderOptions(**options)
        >>> ", ".join(inspect.signature(Mine).parameters)
        'source, device, dtype, revision, text_policy, name, batch_size, bias'
    """
    signature = inspect.signature(init)
    shared = [
        parameter.replace(kind=parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(EncoderOptions).parameters.values()
    ]
    declared = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    positional = [parameter for parameter in declared if parameter.kind is not parameter.KEYWORD_ONLY]
    keyword_only = [parameter for parameter in declared if parameter.kind is parameter.KEYWORD_ONLY]
    written: Any = init  # functions have no declared attribute of this name
    written.__signature__ = signature.replace(parameters=[*positional, *shared, *keyword_only])
    return init
