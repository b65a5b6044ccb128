"""Let `datasets.load_dataset("tia2")` find our builder.

datasets has no plugin hook: a name is a packaged module, a folder, or a repository on the Hub. So the one function
that resolves names is wrapped, for the name "tia2" alone. Every other name goes through untouched.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

NAME = "tia2"
_RESOLVER = "dataset_module_factory"
_MARK = "_tia2_original"


def install() -> None:
    """Wrap the resolver now if datasets is loaded, and whenever it gets loaded (or reloaded) later.

    Calling it again changes nothing. Should a future datasets lack the resolver, nothing is wrapped and a warning
    names `tia2.benchmark.load`, which doesn't need it: the rest of the library has to stay importable.
    """
    if not any(getattr(finder, "_tia2", False) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WrapOnImport())
    if "datasets.load" in sys.modules:
        wrap_resolver(sys.modules["datasets.load"])


def wrap_resolver(load_module: ModuleType) -> None:
    """Wrap the resolver in `datasets.load`, and the copy that `datasets.inspect` took of it.

    Args:
        load_module: The module `datasets.load`.
    """
    current = getattr(load_module, _RESOLVER, None)
    if current is None:
        warnings.warn(
            f'load_dataset("tia2") is not available: datasets has no {load_module.__name__}.{_RESOLVER}; '
            'use tia2.benchmark.load("all") instead, or install datasets>=4,<6.',
            RuntimeWarning,
            stacklevel=2,
        )
        return
    original = getattr(current, _MARK, current)
    wrapped = current if original is not current else _wrapper(original)
    setattr(load_module, _RESOLVER, wrapped)
    inspect_module = sys.modules.get("datasets.inspect")
    if inspect_module is not None and hasattr(inspect_module, _RESOLVER):
        setattr(inspect_module, _RESOLVER, wrapped)


def _wrapper(original: Any) -> Any:
    @functools.wraps(original)
    def dataset_module_factory(path: str, *args: Any, **kwargs: Any) -> Any:
        if path != NAME:
            return original(path, *args, **kwargs)
        from tia2.benchmark.builder import resolve

        return resolve(revision=args[0] if args else kwargs.get("revision"), data_files=kwargs.get("data_files"))

    setattr(dataset_module_factory, _MARK, original)
    return dataset_module_factory


class _WrapOnImport(MetaPathFinder):
    """Wraps the resolver right after `datasets.load` has run; finds nothing itself."""

    _tia2 = True

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "datasets.load":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        loader: Any = spec.loader if spec is not None else None
        if loader is None:
            return None
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            wrap_resolver(module)

        loader.exec_module = exec_module
        return spec
