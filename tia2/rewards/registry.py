"""From a spec, such as "mini-strong" or "clip:openai/clip-vit-large-patch14", to a reward model."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from tia2.errors import RewardError, Tia2Error, missing_models, unknown_name
from tia2.rewards.built_in import BUILT_IN
from tia2.rewards.record import Record, imported

if TYPE_CHECKING:
    from tia2.rewards.base import RewardModel
    from tia2.rewards.card import RewardCard

GROUP = "tia2.rewards"
"""The entry-point group in which an installed package offers reward models."""

_FILE_SPEC = re.compile(r"(?P<path>.+\.py):(?P<name>\w+)")
_Target = TypeVar("_Target", bound=Callable[..., Any])


_registered: dict[str, Record] = {}


def register_reward(name: str) -> Callable[[_Target], _Target]:
    """Register a reward model under a name, so that `load_reward(name)` finds it in this process.

    Args:
        name: The name. In a spec "name:rest", the rest is passed as the only positional argument.

    Returns:
        A decorator for a class, a function that returns a reward model, or a function `(images, texts) -> rewards`.

    Raises:
        RewardError: The name is taken by another object, or holds a colon.

    Example:
        >>> @register_reward("text-length")
        ... def text_length(images, texts):
        ...     return [float(len(text)) for text in texts]
        >>> load_reward("text-length").name
        'text-length'
    """

    def register(target: _Target) -> _Target:
        qualified = f"{target.__module__}.{target.__qualname__}"
        taken = records().get(name)
        if taken is not None and taken.source != qualified:
            raise RewardError(
                f"The reward name {name!r} is taken by {taken.source}; register {qualified} as another one."
            )
        summary = (inspect.getdoc(target) or "").partition("\n")[0]
        _registered[name] = Record(name, target, summary, qualified)
        return target

    if not name or ":" in name:
        raise RewardError(f"Expected a reward name without a colon, got {name!r}.")
    return register


def records() -> dict[str, Record]:
    """Return what is known, by name: built in, then from installed packages, then registered. Imports no plugin."""
    known = dict(BUILT_IN)
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package(point))):
        source = f"package {_package(point)}"
        if point.name in known:
            warnings.warn(
                f"The reward {point.name!r} of {source} is left out: {known[point.name].source} has that name already.",
                stacklevel=2,
            )
            continue
        known[point.name] = Record(point.name, point, point.value, source)
    return known | _registered


def describe() -> list[dict[str, str]]:
    """Return spec, summary and source of everything known, and warn of plugins that can't be imported."""
    rows = []
    for record in records().values():
        summary = record.summary
        if isinstance(record.target, EntryPoint):
            try:
                summary = (inspect.getdoc(record.resolve()) or record.summary).partition("\n")[0]
            except RewardError as error:
                warnings.warn(str(error), stacklevel=2)
                summary = "broken, see the warning"
        rows.append({"spec": record.form or record.name, "summary": summary, "source": record.source})
    return rows


def load_reward(
    spec: str | os.PathLike[str] | RewardModel | Callable[..., Any],
    *,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    **options: Any,
) -> RewardModel:
    """Load a reward model.

    Args:
        spec: A name that `tia2 rewards list` shows; "clip:PATH_OR_HUB_ID"; "path/to/file.py:Name" for a class or
            function of your own; or a reward model or function, which is returned as a reward model.
        device: "auto", "cpu", "cuda", "cuda:1", "mps", …; the best one that is there if None.
        dtype: "float32", "bfloat16" or "float16" for the towers; float32 if None.
        revision: Branch, tag or commit, for models from the hub.
        **options: What else the model's constructor takes, such as `text_policy="error"` for `clip:`.

    Returns:
        The reward model.

    Raises:
        UnknownNameError: No reward model of that name.
        RewardError: It can't be loaded; the text says why.

    Example:
        >>> load_reward(lambda images, texts: [0.5] * len(texts)).score([], []).shape
        (0,)
    """
    from tia2.rewards.functions import as_reward

    given = {"device": device, "dtype": dtype, "revision": revision, **options}
    given = {option: value for option, value in given.items() if value is not None}
    if not isinstance(spec, str | os.PathLike):
        if given:
            raise RewardError(f"A reward object takes no {', '.join(given)}: set them when you make it.")
        return as_reward(spec)
    text = os.fspath(spec)
    if match := _FILE_SPEC.fullmatch(text):
        return _build(_from_file(Path(match["path"]), match["name"]), text, match["name"], [], given)
    name, colon, rest = text.partition(":")
    record = _record(text)
    if record.by_name and colon:
        raise RewardError(f"{name!r} takes nothing after a colon, got {text!r}.")
    arguments = [name] if record.by_name else [rest] if colon else []
    return _build(record.resolve(), text, name, arguments, given)


def card(spec: str | os.PathLike[str]) -> RewardCard | None:
    """Return what is known of a reward model without loading it, or None if it must be loaded for that.

    Args:
        spec: As for `load_reward`.

    Raises:
        UnknownNameError: No reward model of that name.
        RewardError: The spec names a family only.

    Example:
        >>> card("mini-strong").unit
        'cosine'
    """
    from tia2.rewards.card import RewardCard
    from tia2.rewards.loading.hub import is_hub_id

    text = os.fspath(spec)
    if _FILE_SPEC.fullmatch(text):
        return None
    name, _, rest = text.partition(":")
    record = _record(text)
    if record.card is None:
        return None
    found = imported(record.card)
    if not isinstance(found, RewardCard):
        made: RewardCard = found(name if record.by_name else rest)
        return made
    if not rest:
        return found
    local = Path(rest).expanduser().exists() or not is_hub_id(rest)
    return found.model_copy(update={"name": rest, "hub_id": None if local else rest, "revision": None})


def _record(spec: str) -> Record:
    """Return the record that a spec names, and raise an error if it names none or only a family."""
    name, _, rest = spec.partition(":")
    record = records().get(name)
    if record is None:
        raise _unknown(spec)
    if record.example and not rest:
        raise RewardError(f"{name!r} is a family of rewards: say which one, for example {record.example!r}.")
    return record


def _build(target: Any, spec: str, name: str, arguments: list[str], options: dict[str, Any]) -> RewardModel:
    from tia2.rewards.functions import as_reward

    if callable(target) and (inspect.isclass(target) or not _scores_pairs(target)):
        try:
            inspect.signature(target).bind(*arguments, **options)
        except TypeError as error:
            raise RewardError(f"Reward {spec!r} can't be made with these options: {error}.") from None
        try:
            target = target(*arguments, **options)
        except Tia2Error:
            raise
        except Exception as error:  # a plugin may raise anything while it loads
            if missing := missing_models(error, f"Reward {spec!r}"):
                raise missing from error
            raise RewardError(f"Reward {spec!r} can't be loaded: {type(error).__name__}: {error}") from error
    elif arguments or options:
        extra = ", ".join([*arguments, *options])
        raise RewardError(f"Reward {spec!r} is a function (images, texts) -> rewards and takes no {extra}.")
    return as_reward(target, name)


def _scores_pairs(target: Any) -> bool:
    """Whether a callable is `(images, texts) -> rewards`, which needs two arguments, or makes a reward model."""
    if not callable(target) or (not inspect.isroutine(target) and hasattr(target, "score")):
        return True
    needed = [
        parameter
        for parameter in inspect.signature(target).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) == 2


def _from_file(path: Path, name: str) -> Any:
    file = path.expanduser().resolve()
    if not file.is_file():
        raise RewardError(f"There is no file {str(path)!r} to take the reward {name!r} from.")
    module_name = f"tia2_reward_file_{sha256(str(file).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise RewardError(f"{str(path)!r} can't be imported as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickling look a class's module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the file is the user's own and may raise anything
        del sys.modules[module_name]
        raise RewardError(f"{str(path)!r} can't be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise unknown_name(f"name in {path.name}", name, _public(module))
    return getattr(module, name)


def _public(module: ModuleType) -> list[str]:
    own = (name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__)
    return [name for name in own if not name.startswith("_")]


def _unknown(spec: str) -> Tia2Error:
    if Path(spec).suffix == ".py":
        return RewardError(f"Which class or function of {spec!r}? Expected {spec + ':Name'!r}.")
    if Path(spec).expanduser().is_dir():
        return RewardError(f"{spec!r} is a folder; for a CLIP of transformers type {'clip:' + spec!r}.")
    known = [record.example or name for name, record in records().items()]
    error = unknown_name("reward", spec, known)
    return type(error)(f"{error} Or FILE.py:NAME.")


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"
