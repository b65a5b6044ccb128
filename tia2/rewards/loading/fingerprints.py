"""The identity of a reward model: digests over files, settings and source code."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def fingerprint(files: Iterable[Path], **facts: Any) -> str:
    """Return the SHA-256 hex digest over files, by name and content, and settings.

    Args:
        files: The files that change a reward, in any order.
        **facts: Whatever else changes it, as JSON values.

    Raises:
        OSError: A file can't be read.

    Example:
        >>> fingerprint([], formula=1) == fingerprint([], formula=2)
        False
    """
    total = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    # Sorted by what is digested, so that the folders they lie in make no difference.
    for line in sorted(f"{path.name} {file_sha256(path)}\n" for path in files):
        total.update(line.encode())
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 hex digest of a file's content."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def source_fingerprint(target: Any) -> str:
    """Return the SHA-256 over a class's or function's name and source code, and the plain values bound to a function.

    Plain values are numbers, texts and the like among defaults, closed-over variables and arguments of a `partial`.
    Other objects count by their type only.
    """
    bound: list[Any] = []
    while isinstance(target, functools.partial):
        bound += [*target.args, *sorted(target.keywords.items())]
        target = target.func
    if inspect.isfunction(target):
        variables = inspect.getclosurevars(target).nonlocals
        bound += [
            *(target.__defaults__ or ()),
            *sorted((target.__kwdefaults__ or {}).items()),
            *sorted(variables.items()),
        ]
    try:
        source = inspect.getsource(target)
    except (OSError, TypeError):
        code = getattr(target, "__code__", None)
        source = f"{code.co_code!r} {code.co_names} {code.co_varnames}" if code else ""
    name = f"{getattr(target, '__module__', '')}.{getattr(target, '__qualname__', type(target).__qualname__)}"
    return hashlib.sha256("\n".join([name, source, *map(_plain, bound)]).encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain, value))})"
    plain = value is None or isinstance(value, bool | int | float | complex | str | bytes)
    return repr(value) if plain else type(value).__qualname__
