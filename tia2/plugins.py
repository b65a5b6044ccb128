"""Registries of things that come with tia2, with installed packages, or from the running program.

Rewards, calibrations, metrics and commands are found in the same way: by name, with a suggestion where the name is
close to a known one. A plugin that can't be imported warns and stops nothing.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from tia2.errors import PluginError, Tia2Error, missing_models, unknown_name

T = TypeVar("T")
HOME = "tia2"


@dataclass(frozen=True)
class Plugin:
    """Something that is known by name and not imported yet.

    Attributes:
        name: Its name in the registry.
        target: "module:attribute", an entry point, or the registered object itself.
        source: Who offers it: "tia2", "package NAME", or the qualified name of a registered object.
        summary: One line for lists.
    """

    name: str
    target: Any
    source: str = HOME
    summary: str = ""

    def resolve(self, kind: str, error: type[Tia2Error]) -> Any:
        """Import what the plugin stands for.

        Args:
            kind: Kind of the plugin, for the error's text, for example "reward".
            error: The error to raise.

        Raises:
            MissingDependencyError: PyTorch, or another package that runs models, isn't installed.
            Tia2Error: The import failed, whatever else the reason; of the type `error`.
        """
        try:
            if isinstance(self.target, EntryPoint):
                # What a package prints while it is imported must not stand among a command's results.
                with redirect_stdout(sys.stderr):
                    return self.target.load()
            if isinstance(self.target, str):
                return imported(self.target)
        except Tia2Error:
            raise
        except (
            Exception,
            SystemExit,
        ) as problem:  # a plugin may raise anything while it is imported, or end the program
            title = f"{kind.capitalize()} {self.name!r}"
            if missing := missing_models(problem, title):
                raise missing from problem
            reason = f"{type(problem).__name__}: {problem}".rstrip(".")
            raise error(f"{title} from {self.source} can't be imported: {reason}.") from problem
        return self.target


class Registry(Generic[T]):
    """Named objects of one kind: built in, then from installed packages, then registered in this process.

    Args:
        kind: Kind of the objects, for messages, for example "metric".
        group: The entry-point group in which an installed package offers more.
        built_in: The objects that come with tia2, by name, in the order of lists; or "module:attribute" of one.
        check: Turns what a plugin offers into an object of this kind, or raises an error that says what is wrong.
        error: The error of this kind of object.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Mapping[str, T | str],
        check: Callable[[str, Any], T],
        error: type[Tia2Error] = PluginError,
    ) -> None:
        self.kind = kind
        self.group = group
        self._built_in = dict(built_in)
        self._check = check
        self._error = error
        self._installed: dict[str, Plugin] | None = None
        self._registered: dict[str, Plugin] = {}
        self._resolved: dict[str, T] = {}
        self._broken: dict[str, str] = {}

    def register(self, name: str, target: T, source: str | None = None) -> None:
        """Add an object in this process; registering the same object again changes nothing.

        Args:
            name: Its name.
            target: The object.
            source: Who offers it; by default the object's qualified name.

        Raises:
            Tia2Error: The name is taken by another object, or the object isn't of this kind.
        """
        where = source or _qualified(target)
        taken = self.plugins().get(name)
        if taken is not None and taken.source != where:
            raise self._error(
                f"The {self.kind} name {name!r} is taken by {taken.source}; register {where} as another one."
            )
        self._resolved[name] = self._check(name, target)
        self._registered[name] = Plugin(name, target, where, (inspect.getdoc(target) or "").partition("\n")[0])

    def unregister(self, name: str) -> None:
        """Forget an object that was registered in this process."""
        self._registered.pop(name, None)
        self._resolved.pop(name, None)

    def plugins(self) -> dict[str, Plugin]:
        """Return what is known, by name, without importing any of it."""
        built_in = {name: Plugin(name, target) for name, target in self._built_in.items()}
        if self._installed is None:
            self._installed = installed(self.kind, self.group, built_in)
        return built_in | self._installed | self._registered

    def refresh(self) -> None:
        """Look again for installed packages, which are looked for once per process."""
        self._installed = None
        _entry_points.cache_clear()
        self._resolved.clear()
        self._broken.clear()
        self._resolved.update({name: plugin.target for name, plugin in self._registered.items()})

    def names(self) -> list[str]:
        """Return the names of what can be used, in the order of lists; a broken plugin is left out with a warning."""
        return list(self)

    def get(self, name: str) -> T:
        """Return the object of a name.

        Raises:
            UnknownNameError: There is none; the text lists the names and the closest one.
            Tia2Error: Its plugin is broken.
        """
        if name not in self._resolved:
            plugin = self.plugins().get(name)
            if plugin is None:
                raise unknown_name(self.kind, name, self.plugins())
            self._resolved[name] = self._check(name, plugin.resolve(self.kind, self._error))
        return self._resolved[name]

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield names and objects in the order of lists; a broken plugin is left out with one warning."""
        for name in self.plugins():
            if name in self._broken:
                continue
            try:
                yield name, self.get(name)
            except Tia2Error as error:
                self._broken[name] = str(error)
                warnings.warn(f"{error} It is left out.", stacklevel=2)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.items())

    def __contains__(self, name: object) -> bool:
        return name in self.plugins()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> T:
        return self.get(name)


def installed(kind: str, group: str, taken: Mapping[str, Plugin]) -> dict[str, Plugin]:
    """Return what installed packages offer in an entry-point group, by name, without importing it.

    A name that is taken already is left out with a warning.

    Args:
        kind: Kind of the group's objects, for the warning.
        group: The entry-point group.
        taken: Plugins whose names are taken already.
    """
    plugins: dict[str, Plugin] = {}
    for point in sorted(_entry_points().select(group=group), key=lambda point: (point.name, _package(point))):
        source = f"package {_package(point)}"
        other = taken.get(point.name) or plugins.get(point.name)
        if other is not None:
            warnings.warn(
                f"The {kind} {point.name!r} of {source} is left out: {other.source} has that name already.",
                stacklevel=2,
            )
            continue
        plugins[point.name] = Plugin(point.name, point, source, point.value)
    return plugins


@cache
def _entry_points() -> Any:
    """Return those of all installed packages: reading them takes tens of milliseconds, and every group needs them.

    An `EntryPoints` since Python 3.12 and a `SelectableGroups` before: both have `select`.
    """
    return entry_points()


def imported(path: str) -> Any:
    """Import "module:attribute"."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _qualified(target: object) -> str:
    named = target if hasattr(target, "__qualname__") else type(target)
    return f"{named.__module__}.{named.__qualname__}"
