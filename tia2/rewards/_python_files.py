"""Rewards in a Python file of the user's own, named as "path/to/file.py:Name"."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tia2.errors import RewardError, unknown_name

_SPEC = re.compile(r"(?P<path>.+\.py):(?P<name>\w+)")


def split_spec(spec: str) -> tuple[Path, str] | None:
    """Return the file and the name within it that a spec means; None for a spec of another form.

    Example:
        >>> split_spec("mini-strong") is None, split_spec("mine.py:Mine")[1]
        (True, 'Mine')
    """
    match = _SPEC.fullmatch(spec)
    return (Path(match["path"]), match["name"]) if match else None


def import_from(path: Path, name: str) -> Any:
    """Run a Python file and return what it calls by a name.

    Args:
        path: The file.
        name: Name of a class, function or object in the file.

    Raises:
        RewardError: The file is missing or can't be imported.
        UnknownNameError: The file defines no such name; the text suggests the closest one.
    """
    file = path.expanduser().resolve()
    if not file.is_file():
        raise RewardError(f"There is no file {str(path)!r} to take the reward {name!r} from.")
    module_name = f"tia2_reward_file_{sha256(str(file).encode()).hexdigest()[:16]}"
    loader = _FromSource(module_name, str(file))
    spec = importlib.util.spec_from_file_location(module_name, file, loader=loader)
    if spec is None:
        raise RewardError(f"{str(path)!r} can't be imported as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickling look a class's module up there
    try:
        with _nothing_compiled():
            loader.exec_module(module)
    except SystemExit as error:
        del sys.modules[module_name]
        raise RewardError(
            f"{str(path)!r} ends the program while it is imported (exit code {error.code}). What belongs to a script "
            "goes below `if __name__ == '__main__':`."
        ) from error
    except Exception as error:  # the file is the user's own and may raise anything
        del sys.modules[module_name]
        raise RewardError(f"{str(path)!r} can't be imported: {type(error).__name__}: {error}.") from error
    if not hasattr(module, name):
        raise unknown_name(f"name in {path.name}", name, _public_names(module))
    return getattr(module, name)


class _FromSource(SourceFileLoader):
    """Compiles the file each time that it is run.

    Python takes a compiled file that it kept for the present one if both have the same size and the same second of
    change: a file that was edited quickly would give the rewards of what it held before.
    """

    def get_code(self, fullname: str) -> CodeType:
        location = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(location), location)
        return code


@contextmanager
def _nothing_compiled() -> Iterator[None]:
    """Keep no compiled files of what a block imports from beside the user's file, for the same reason."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _public_names(module: ModuleType) -> list[str]:
    defined = (name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__)
    return [name for name in defined if not name.startswith("_")]
