"""How Python objects come apart: their attributes, their code, and where they were written."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path
from types import CodeType
from typing import Any

from tia2.rewards.identity.own_files import HOME, module_file

IGNORED_MEMBERS = {
    "__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "_abc_impl", "__abstractmethods__", "__firstlineno__", "__static_attributes__",
    "__orig_bases__", "__parameters__", "__qualname__", "__slots__", "__dataclass_fields__", "__dataclass_params__",
    "__match_args__", "_has_own_name",
}  # fmt: skip
"""Members of classes that decide nothing, or follow from others."""


ORIGIN = "_tia2_origin"
"""Attribute under which a reward model keeps where it came from."""
WITHOUT_EFFECT = frozenset({"device", "batch_size", "text_batch_size", "parameters", "text_policy", ORIGIN})
"""Attributes and options of a reward model that don't decide its rewards, or stand in the manifest by themselves."""


def hashed(*parts: str | bytes) -> bytes:
    """Return the SHA-256 over parts, each with its length, so that no two lists of parts run together."""
    sha = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        sha.update(f"{len(content)}:".encode())
        sha.update(content)
    return sha.digest()


def file_digest(path: Path) -> bytes:
    """Return the SHA-256 of a file's content."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.digest()


def attributes(value: Any) -> dict[str, Any]:
    """Return an object's attributes by name, those in slots too."""
    values = dict(getattr(value, "__dict__", {}))
    for slot in slots(type(value)):
        if hasattr(value, slot):
            values[slot] = getattr(value, slot)
    return values


def is_plain(kind: type) -> bool:
    """Return whether objects of a class hold nothing but attributes.

    They don't where a base is written in C, as dict is, or says itself what it holds, as partial functions do.
    """
    is_heap_type = 1 << 9  # Py_TPFLAGS_HEAPTYPE
    methods = ("__reduce_ex__", "__reduce__", "__getstate__")
    says_itself = any(getattr(kind, name, None) is not getattr(object, name, None) for name in methods)
    return not says_itself and all(base is object or base.__flags__ & is_heap_type for base in kind.__mro__)


def slots(kind: type) -> list[str]:
    """Return the names of a class's slots."""
    names: list[str] = []
    for base in kind.__mro__:
        given = vars(base).get("__slots__", ())
        names += [given] if isinstance(given, str) else list(given)
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def is_derived(kind: type, name: str) -> bool:
    """Return whether an attribute is a cached property, and so follows from the others."""
    return any(isinstance(vars(base).get(name), functools.cached_property) for base in kind.__mro__)


def global_names(code: CodeType) -> list[str]:
    """Return the names that code, or a function inside it, may look up among the globals of its module."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(global_names(constant))
    return sorted(names)


def same_file(name: str, path: Path) -> bool:
    """Return whether the file that code names is this one."""
    return Path(name).name == path.name and Path(name).resolve() == path


def is_without_file(module_name: str | None) -> bool:
    """Return whether a module was written in a console or notebook, or code was made by `exec`."""
    if module_name in (None, "builtins"):
        return True
    top = str(module_name).partition(".")[0]
    module = sys.modules.get(str(module_name))
    if top == HOME or (top in sys.stdlib_module_names and top != "__main__"):
        return False
    # A console's main module may name a file such as "<stdin>".
    return module is None or (top == "__main__" and module_file(module) is None)


def is_generated(member: Any, has_source: bool) -> bool:
    """Whether a method was generated, as those of a dataclass are, from what the file says."""
    code = getattr(member, "__code__", None)
    return has_source and isinstance(code, CodeType) and code.co_filename.startswith("<")


def stated_fingerprint(value: Any) -> str | None:
    """Return the fingerprint of a reward model that is part of another."""
    if any(not hasattr(type(value), member) for member in ("score", "score_matrix", "fingerprint")):
        return None
    fingerprint = value.fingerprint
    return fingerprint if isinstance(fingerprint, str) else None


def type_name(value: Any) -> str:
    """Return the qualified name of an object's type."""
    return qualified(type(value))


def qualified(value: Any) -> str:
    """Return the qualified name of a class or function."""
    name = getattr(value, "__qualname__", getattr(value, "__name__", "?"))
    return f"{getattr(value, '__module__', None) or 'builtins'}.{name}"
