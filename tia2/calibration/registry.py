"""The calibrations that are known by name, and how a written one becomes an object again.

A calibration is written as JSON (`model_dump`), in files, or as a short text, on the command line:

    textnorm
    textnorm:temperature=0.5
    mean:of=minmax
    ur:of=(textnorm:factor=2),penalty=0.5
    cv:of=(ur:of=textnorm),folds=10
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, SerializeAsAny

from tia2.calibration.base import FIELD, Calibration
from tia2.errors import PluginError, ResultError, Tia2Error
from tia2.files import json_of
from tia2.plugins import Registry

C = TypeVar("C", bound=type[Calibration])


def _check(name: str, target: Any) -> type[Calibration]:
    if not isinstance(target, type) or not issubclass(target, Calibration):
        raise PluginError(
            f"The calibration {name!r} must be a subclass of tia2.calibration.Calibration, got {target!r}."
        )
    missing = [field for field in ("registry_name", "title", "definition") if not getattr(target, field, None)]
    if missing:
        raise PluginError(f"The calibration {name!r} ({target.__qualname__}) doesn't say its {', '.join(missing)}.")
    if target.registry_name != name:
        raise PluginError(
            f"The calibration {name!r} calls itself {target.registry_name!r} (registry_name): the two must be equal."
        )
    return target


CALIBRATIONS: Registry[type[Calibration]] = Registry(
    "calibration",
    "tia2.calibrations",
    {
        "raw": "tia2.calibration.single_models:Raw",
        "textnorm": "tia2.calibration.single_models:TextNorm",
        "minmax": "tia2.calibration.single_models:MinMax",
        "mean": "tia2.calibration.combining:Mean",
        "ur": "tia2.calibration.combining:UncertaintyRegularised",
        "cv": "tia2.calibration.choosing:CrossValidated",
        "oracle": "tia2.calibration.choosing:Oracle",
    },
    _check,
)
"""Classes of calibrations by name: those of tia2, of installed packages, and of the running program."""


def register_calibration(calibration: C) -> C:
    """Make a class of calibrations known by its `registry_name`, as a decorator.

    Args:
        calibration: A subclass of `Calibration` with a registry name, a title and a definition.

    Returns:
        The class.

    Raises:
        PluginError: Its name is taken, or something is missing.

    Example:
        >>> from typing import ClassVar
        >>> @register_calibration
        ... class Doubled(Calibration):
        ...     registry_name: ClassVar[str] = "doubled"
        ...     title: ClassVar[str] = "Doubled"
        ...     definition: ClassVar[str] = "Twice the reward."
        ...     def values(self, rewards):
        ...         return 2 * rewards.prompt_rewards[0]
        >>> calibration_of("doubled").title
        'Doubled'
        >>> CALIBRATIONS.unregister("doubled")
    """
    CALIBRATIONS.register(getattr(calibration, "registry_name", calibration.__name__), calibration)
    return calibration


def calibration_of(written: Calibration | Mapping[str, Any] | str) -> Calibration:
    """Return a calibration from its written form.

    Args:
        written: A calibration's `model_dump()`, the same as JSON text, or a short text such as
            "textnorm:temperature=0.5"; a calibration itself is returned as it is.

    Raises:
        UnknownNameError: No calibration of this name is installed.
        ResultError: The settings don't fit, or the text can't be read.
        PluginError: The package that offers the calibration is broken.

    Example:
        >>> calibration_of("ur:of=(textnorm:factor=2),penalty=0.5").name_of(["a", "b"])
        'UR of a & b + TextNorm (τ × = 2, λ = 0.5)'
        >>> calibration_of({"calibration": "minmax", "scale": 5}).slug
        'minmax-c5'
    """
    if isinstance(written, Calibration):
        return written
    if isinstance(written, str):
        written = _object(written) if written.lstrip().startswith("{") else _read(written)
    if not isinstance(written, Mapping) or not isinstance(written.get(FIELD), str):
        raise ResultError(f"Expected a calibration, its name, or an object with the key {FIELD!r}, got {written!r}.")
    settings = {name: value for name, value in written.items() if name != FIELD}
    return CALIBRATIONS.get(written[FIELD])(**settings)


def _object(written: str) -> Any:
    try:
        return json_of(written)
    except ValueError as error:
        raise ResultError(f"The calibration {written[:60]!r} is no JSON: {error}.") from None


def short_text(calibration: Calibration) -> str:
    """Return the short text that stands for a calibration, or JSON where its settings don't fit into one.

    Args:
        calibration: The calibration.

    Returns:
        What `calibration_of` reads as an equal calibration.

    Example:
        >>> short_text(calibration_of({"calibration": "textnorm", "temperature": 0.5}))
        'textnorm:temperature=0.5'
        >>> short_text(calibration_of("ur:of=(textnorm:factor=2),penalty=0.5"))
        'ur:of=(textnorm:factor=2.0),penalty=0.5'
    """
    fields = type(calibration).model_fields
    given = {name: getattr(calibration, name) for name in fields}
    settings = [f"{name}={_short(value)}" for name, value in given.items() if value != fields[name].get_default()]
    text = f"{calibration.registry_name}{':' if settings else ''}{','.join(settings)}"
    try:
        if calibration_of(text) == calibration:
            return text
    except Tia2Error:  # a text setting with a comma in it, for example
        pass
    return json.dumps(calibration.model_dump(mode="json"), ensure_ascii=False)


def _short(value: Any) -> str:
    if isinstance(value, Calibration):
        text = short_text(value)
        return f"({text})" if ":" in text else text
    if isinstance(value, tuple):
        return f"[{','.join(map(_short, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _validated(written: Any) -> Any:
    try:
        return calibration_of(written)
    except ValueError:
        raise  # among them ResultError: pydantic says where it stands
    except Tia2Error as error:
        raise ValueError(str(error)) from None


AnyCalibration = Annotated[SerializeAsAny[Calibration], BeforeValidator(_validated)]
"""Field type of a pydantic model that holds a calibration of any class."""


def _read(text: str) -> dict[str, Any]:
    """Return the written form that a short text stands for."""
    name, _, rest = text.strip().partition(":")
    written: dict[str, Any] = {FIELD: name.strip()}
    for part in _split(rest, text) if rest.strip() else ():
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ResultError(f"{text!r}: expected KEY=VALUE after the colon, got {part!r}.")
        written[key.strip()] = _value(value.strip(), text)
    return written


def _value(value: str, text: str) -> Any:
    if value.startswith("(") and value.endswith(")"):
        return value[1:-1]
    if value.startswith("[") and value.endswith("]"):
        return tuple(_value(part, text) for part in _split(value[1:-1], text))
    try:
        return json_of(value)
    except ValueError:
        return value


def _split(listed: str, text: str) -> Iterator[str]:
    """Yield what commas outside of brackets separate."""
    depth, start = 0, 0
    for position, letter in enumerate(listed):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            yield listed[start:position].strip()
            start = position + 1
    if depth:
        raise ResultError(f"{text!r}: brackets are not closed.")
    yield listed[start:].strip()
