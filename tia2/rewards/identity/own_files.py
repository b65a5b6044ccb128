"""Which files hold a user's own code: neither Python's, nor an installed package's, nor this library's."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

HOME = "tia2"
_INSTALLED = {"site-packages", "dist-packages"}


def own_file(module_name: str | None) -> Path | None:
    """Return the file of a module of the user's own; None for any other module, and for code without file.

    Example:
        >>> own_file("json") is None, own_file("numpy") is None, own_file("tia2.rewards") is None
        (True, True, True)
    """
    if not module_name or module_name.partition(".")[0] == HOME:
        return None
    path = module_file(sys.modules.get(module_name))
    return path if path is not None and is_own(path) else None


def module_file(module: ModuleType | None) -> Path | None:
    """Return the file that a module was imported from, None where there is none."""
    name = getattr(module, "__file__", None)
    if not isinstance(name, str):
        return None
    path = Path(name).resolve()
    return path if path.is_file() else None


def is_own(path: Path) -> bool:
    """Whether a file is neither part of Python nor of an installed package nor of this library."""
    if _INSTALLED & set(path.parts):
        return False
    return not any(path.is_relative_to(folder) for folder in _foreign_folders())


def with_imports(paths: Iterable[Path]) -> set[Path]:
    """Return files of one's own with all files of one's own that they import, directly or not.

    Imports inside functions count, too. An import whose name is computed can't be seen.

    Args:
        paths: Files to begin with.
    """
    files: set[Path] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        if path.suffix == ".py":
            waiting += [imported for imported in _imports(path) if imported not in files]
    return files


def changed_since_import(module_name: str) -> bool:
    """Whether a module's file has changed since it was imported, so that other code runs than the file holds."""
    module = sys.modules.get(module_name)
    path = module_file(module)
    # pytest rewrites the assertions of test modules, so that their code differs from the file's without a change.
    if module is None or path is None or path.suffix != ".py" or "@pytest_ar" in vars(module):
        return False
    try:
        codes = _codes(compile(path.read_bytes(), str(path), "exec", dont_inherit=True))
    except (OSError, SyntaxError, ValueError):
        return True
    in_file = {code for code in codes if code.co_name != "<module>"}
    return any(code not in in_file for code in _functions_of(module))


@functools.cache
def _foreign_folders() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [Path(path).resolve() for name in names if (path := sysconfig.get_path(name))]
    # The packages of a checkout lie side by side in it, the user's own rewards perhaps in the same checkout.
    rooms = [sys.modules.get(name) for name in (HOME, f"{HOME}.leaderboard", f"{HOME}.finetune")]
    return (*folders, *(Path(path).resolve() for room in rooms if room for path in room.__path__))


def _imports(path: Path) -> Iterator[Path]:
    try:
        imported = _imported_in(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for name, level in imported:
        yield from _located(name, path, level)


@functools.lru_cache(maxsize=256)
def _imported_in(source: bytes) -> tuple[tuple[str, int], ...]:
    """Return the names that Python code imports, in order, each with the number of dots before it."""
    imported: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported += [(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
            imported += [(name, node.level) for name in names]
    return tuple(imported)


def _located(name: str, importer: Path, level: int) -> Iterator[Path]:
    """Yield the own files that an import runs: the module's, and those of the packages around it."""
    parts = name.split(".") if name else []
    if level:
        folders = [importer.parents[min(level, len(importer.parents)) - 1]]
        parts_of_files: list[list[str]] = [parts[:count] for count in range(len(parts) + 1)]
    else:
        if parts and parts[0] in sys.stdlib_module_names:
            return
        folders = [importer.parent, *(Path(entry or ".") for entry in sys.path)]
        parts_of_files = [parts[:count] for count in range(1, len(parts) + 1)]
    for prefix in parts_of_files:
        loaded = None if level else module_file(sys.modules.get(".".join(prefix)))
        candidates = [loaded] if loaded else _candidates(folders, prefix)
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is not None and is_own(path.resolve()):
            yield path.resolve()


def _candidates(folders: list[Path], parts: list[str]) -> list[Path]:
    paths = [folder.joinpath(*parts) for folder in folders]
    return [file for path in paths for file in ((path / "__init__.py"), *([path.with_suffix(".py")] if parts else []))]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _functions_of(module: ModuleType) -> Iterator[CodeType]:
    """Yield the code of the functions and methods that a module's file defines."""

    def code_of(value: Any) -> Iterator[CodeType]:
        function = inspect.unwrap(value) if callable(value) and not inspect.isclass(value) else value
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if isinstance(code, CodeType) and code.co_filename == module.__file__:
            yield code

    for value in list(vars(module).values()):
        yield from code_of(value)
        if inspect.isclass(value) and value.__module__ == module.__name__:
            for member in list(vars(value).values()):
                yield from code_of(member)
