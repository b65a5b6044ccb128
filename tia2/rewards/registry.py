"""From a spec, such as "mini-strong" or "clip:openai/clip-vit-large-patch14", to a reward model."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tia2.errors import RewardError, Tia2Error, missing_models, unknown_name
from tia2.plugins import HOME, Plugin, Registry, imported
from tia2.rewards._python_files import import_from, split_spec
from tia2.rewards.built_in import BUILT_IN
from tia2.rewards.identity import ORIGIN, Origin
from tia2.rewards.identity.opened_files import data_files, opened_files

if TYPE_CHECKING:
    from tia2.rewards.base import RewardModel
    from tia2.rewards.card import RewardCard

_Target = TypeVar("_Target", bound=Callable[..., Any])


def _any_target(name: str, target: Any) -> Any:
    """Accept whatever is registered: whether it makes a reward model shows when it is called."""
    del name
    return target


REWARDS: Registry[Any] = Registry(
    "reward",
    "tia2.rewards",
    {name: entry.target for name, entry in BUILT_IN.items()},
    _any_target,
    RewardError,
)
"""Classes and functions that make reward models, by the part of a spec before the colon."""


def register_reward(name: str) -> Callable[[_Target], _Target]:
    """Register a reward model under a name, so that `load_reward(name)` finds it in this process.

    Args:
        name: Name without a colon. In a spec "name:rest", the rest is passed as the only positional argument.

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
        REWARDS.register(name, target)
        return target

    if not name or ":" in name:
        raise RewardError(f"Expected a reward name without a colon, got {name!r}.")
    return register


def describe() -> list[dict[str, str]]:
    """Return spec, summary and source of every reward, and warn of plugins that can't be imported.

    Example:
        >>> describe()[0]["spec"]
        'mini-strong'
    """
    rows = []
    for name, plugin in REWARDS.plugins().items():
        entry = BUILT_IN.get(name)
        spec, summary = (entry.form or name, entry.summary) if entry else (name, plugin.summary)
        if isinstance(plugin.target, EntryPoint):
            try:
                summary = (inspect.getdoc(_resolved(plugin)) or summary).partition("\n")[0]
            except RewardError as error:
                warnings.warn(str(error), stacklevel=2)
                summary = "broken, see the warning"
        rows.append({"spec": spec, "summary": summary, "source": plugin.source})
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
        device: "auto", "cpu", "cuda", "cuda:1", "mps", …; the best device of this machine if None.
        dtype: "float32", "bfloat16" or "float16" for the towers; float32 if None.
        revision: Branch, tag or commit, for models from the hub.
        **options: Further arguments of the model's constructor, such as `text_policy="error"` for `clip:`.

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
    if in_file := _in_file(text):
        path, attribute = in_file
        with opened_files() as opened:
            target = import_from(path, attribute)
            model = _build(target, text, attribute, [], given)
        return _remember(model, Origin(None, given, tuple(data_files(opened)), _module_of(target)))
    name, colon, rest = text.partition(":")
    plugin = _plugin(text)
    by_name = name in BUILT_IN and BUILT_IN[name].by_name
    if by_name and colon:
        raise RewardError(f"{name!r} takes nothing after a colon, got {text!r}.")
    arguments = [name] if by_name else [rest] if colon else []
    argument = rest if colon else None
    if plugin.source == HOME:
        model = _build(_resolved(plugin), text, name, arguments, given)
        return _remember(model, Origin(argument, given, is_built_in=True))
    with opened_files() as opened:
        target = _resolved(plugin)
        model = _build(target, text, name, arguments, given)
    return _remember(model, Origin(argument, given, tuple(data_files(opened)), _module_of(target)))


def card(spec: str | os.PathLike[str]) -> RewardCard | None:
    """Return the facts about a reward model without loading it, or None if it must be loaded for that.

    Args:
        spec: A spec, as `load_reward` takes it.

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
    if _in_file(text):
        return None
    name, _, rest = text.partition(":")
    _plugin(text)
    entry = BUILT_IN.get(name)
    if entry is None:
        return None
    # A family has one card for all of its models, or a function that makes the card of one.
    family_card = imported(entry.card)
    if not isinstance(family_card, RewardCard):
        model_card: RewardCard = family_card(name if entry.by_name else rest)
        return model_card
    if not rest:
        return family_card
    is_local = Path(rest).expanduser().exists() or not is_hub_id(rest)
    return family_card.model_copy(update={"name": rest, "hub_id": None if is_local else rest, "revision": None})


def _in_file(spec: str) -> tuple[Path, str] | None:
    """Return file and name that a spec names; None for a name of the registry, whatever spec follows its colon."""
    name, colon, _ = spec.partition(":")
    takes_spec = colon and name in BUILT_IN and BUILT_IN[name].of_another
    return None if takes_spec else split_spec(spec)


def _plugin(spec: str) -> Plugin:
    """Return what a spec names.

    Raises:
        UnknownNameError: It names nothing.
        RewardError: It names only a family of models.
    """
    name, _, rest = spec.partition(":")
    plugin = REWARDS.plugins().get(name)
    if plugin is None:
        raise _unknown(spec)
    if name in BUILT_IN and BUILT_IN[name].example and not rest:
        raise RewardError(f"{name!r} is a family of rewards: say which one, for example {BUILT_IN[name].example!r}.")
    return plugin


def _resolved(plugin: Plugin) -> Any:
    return plugin.resolve(REWARDS.kind, RewardError)


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
        except (Exception, SystemExit) as error:  # a plugin may raise anything while it loads, or end the program
            if missing := missing_models(error, f"Reward {spec!r}"):
                raise missing from error
            raise RewardError(f"Reward {spec!r} can't be loaded: {type(error).__name__}: {error}") from error
    elif arguments or options:
        surplus = ", ".join([*arguments, *options])
        raise RewardError(f"Reward {spec!r} is a function (images, texts) -> rewards and takes no {surplus}.")
    return as_reward(target, name)


def _module_of(target: Any) -> str | None:
    named = target if hasattr(target, "__module__") else type(target)
    return getattr(named, "__module__", None)


def _remember(model: RewardModel, origin: Origin) -> RewardModel:
    """Note on a reward model what it was made with, as far as the object takes another attribute."""
    with suppress(AttributeError, TypeError, ValueError):
        setattr(model, ORIGIN, origin)
    return model


def _scores_pairs(target: Any) -> bool:
    """Whether a callable is `(images, texts) -> rewards`, which needs two arguments, or makes a reward model."""
    if not callable(target) or (not inspect.isroutine(target) and hasattr(target, "score")):
        return True
    required = [
        parameter
        for parameter in inspect.signature(target).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(required) == 2


def _unknown(spec: str) -> Tia2Error:
    if Path(spec).suffix == ".py":
        return RewardError(f"Which class or function of {spec!r}? Expected {spec + ':Name'!r}.")
    if Path(spec).expanduser().is_dir():
        return RewardError(f"{spec!r} is a folder; for a CLIP of transformers type {'clip:' + spec!r}.")
    examples = {name: entry.example for name, entry in BUILT_IN.items() if entry.example}
    error = unknown_name("reward", spec, [examples.get(name, name) for name in REWARDS.plugins()])
    return type(error)(f"{error} Or FILE.py:NAME.")
