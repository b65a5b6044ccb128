"""State dicts from files, loaded strictly: nothing missing, nothing left over, nothing executed."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError

if TYPE_CHECKING:
    import torch

    StateDict = dict[str, torch.Tensor]

WRAPPERS = ("state_dict", "model", "module")
"""The keys under which training code keeps a state dict."""

POSITIONS = (r"(^|\.)position_ids$",)
"""Buffers that old checkpoints hold and that are no weights."""

SHOWN = 5
"""Number of keys of each kind that an error names."""


def read_state_dict(path: Path) -> StateDict:
    """Read the tensors of a checkpoint on the CPU.

    Args:
        path: A .safetensors file, or what `torch.save` wrote: a state dict, or one under "state_dict" or "model".

    Returns:
        Tensors by name.

    Raises:
        RewardError: Not there, cut off, no checkpoint, or one that would have to run code.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise RewardError(f"There is no checkpoint {str(path)!r}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise RewardError(
            f"{path} is damaged, or holds more than tensors, which would have to run code: expected a state dict."
        ) from None
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, SafetensorError) as error:
        raise RewardError(f"{path} can't be read as a checkpoint: {_one_line(error)} Download it again.") from None
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    entries = content if isinstance(content, Mapping) else {}
    tensors = {key: value for key, value in entries.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise RewardError(f"{path} holds {type(content).__name__} without tensors; expected a state dict.")
    return tensors


def rename(state: Mapping[str, torch.Tensor], rules: Sequence[tuple[str, str]]) -> StateDict:
    r"""Rename keys by regular expressions, each applied to every key in turn.

    Example:
        >>> import torch
        >>> list(rename({"blocks.0.norm1": torch.zeros(1)}, [(r"^blocks", "layers"), (r"norm(\d)", r"layer_norm\1")]))
        ['layers.0.layer_norm1']
    """
    renamed = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value
    return renamed


def load_strict(
    module: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    where: str,
    ignore: Iterable[str] = POSITIONS,
) -> None:
    """Load a state dict into a module, every weight of it and nothing else.

    Args:
        module: Module to load into.
        state: Tensors by the module's own names.
        where: Name of the checkpoint in errors.
        ignore: Regular expressions of keys that may be missing or left over.

    Raises:
        RewardError: Names or shapes differ; the text counts and names the missing, unexpected and misshaped ones.
    """
    expected = module.state_dict()
    ignored = re.compile("|".join(ignore) or r"(?!)")
    missing = [key for key in expected if key not in state and not ignored.search(key)]
    unexpected = [key for key in state if key not in expected and not ignored.search(key)]
    misshaped = [key for key in state if key in expected and state[key].shape != expected[key].shape]
    shapes = [f"{key} {shape_text(state[key].shape)}, expected {shape_text(expected[key].shape)}" for key in misshaped]
    check_keys(where, missing, unexpected, shapes)
    module.load_state_dict({key: state[key] for key in expected if key in state}, strict=False)


def check_keys(where: str, missing: Iterable[str], unexpected: Iterable[str], misshaped: Iterable[str] = ()) -> None:
    """Raise a RewardError that counts and names a checkpoint's wrong keys, unless there are none.

    Example:
        >>> check_keys("a.pt", ["head.weight"], [])
        Traceback (most recent call last):
        ...
        tia2.errors.RewardError: The weights of a.pt don't fit the model: 1 missing (head.weight).
    """
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshaped}
    listed = {kind: sorted(keys) for kind, keys in kinds.items()}
    if problems := [f"{len(keys)} {kind} ({_first(keys)})" for kind, keys in listed.items() if keys]:
        raise RewardError(f"The weights of {where} don't fit the model: {'; '.join(problems)}.")


def layer_count(state: Mapping[str, torch.Tensor], name: str) -> int:
    """Return the number of layers whose weights follow a name: one more than the highest number after it.

    Args:
        state: Tensors by name.
        name: Regular expression for what stands before the number.
    """
    matches = (re.match(rf"{name}\.(\d+)\.", key) for key in state)
    return 1 + max((int(match[1]) for match in matches if match), default=-1)


def only_checkpoint(folder: Path) -> Path | None:
    """Return the .pth or .pt file of a folder, None if there is none.

    Raises:
        RewardError: There are several.
    """
    checkpoints = sorted(path for path in folder.iterdir() if path.suffix in (".pth", ".pt"))
    if len(checkpoints) > 1:
        names = ", ".join(path.name for path in checkpoints)
        raise RewardError(f"{folder} holds several checkpoints ({names}): name one.")
    return checkpoints[0] if checkpoints else None


def shape_text(shape: Iterable[int]) -> str:
    """Return a shape in words.

    Example:
        >>> shape_text((3, 4)), shape_text(())
        ('3x4', 'scalar')
    """
    return "x".join(map(str, shape)) or "scalar"


def _first(keys: Sequence[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", …" if len(keys) > SHOWN else "")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
