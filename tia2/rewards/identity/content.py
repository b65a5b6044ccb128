"""Digests of Python objects by what they hold: numbers, arrays, tensors, modules with their weights, functions, files.

Two objects have one digest when nothing that decides their behaviour was seen to differ. Memory addresses, devices,
locks and loggers don't count. What can't be looked into (sessions of other runtimes, open files) is noted by name.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import io
import logging
import os
import queue
import sys
import threading
import types
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tia2.rewards.identity.objects import (
    IGNORED_MEMBERS,
    WITHOUT_EFFECT,
    attributes,
    file_digest,
    global_names,
    hashed,
    is_derived,
    is_generated,
    is_plain,
    is_without_file,
    qualified,
    same_file,
    slots,
    stated_fingerprint,
    type_name,
)
from tia2.rewards.identity.own_files import changed_since_import, module_file, own_file

DEEPEST = 200
"""Levels of objects within objects that are looked into."""
PLAIN = (type(None), type(...), type(NotImplemented), bool, int, float, complex, str, bytes)
NO_DATA = (
    type(threading.Lock()), type(threading.RLock()), threading.Event, threading.Condition, threading.Semaphore,
    threading.local, threading.Thread, logging.Logger, logging.Handler, Executor, queue.Queue, queue.SimpleQueue,
)  # fmt: skip
"""Types that steer how something is computed, and hold nothing that decides the outcome."""
LOCATIONS = {"_name_or_path", "name_or_path", "transformers_version", "_commit_hash", "_attn_implementation_autoset"}
"""Attributes of library objects that say where something came from, which differs between machines."""


class ContentDigest:
    """Digests objects, and collects what they depend on besides.

    Args:
        packages: Top-level names of installed packages whose code counts as the user's own.

    Attributes:
        files: Files of the user's own whose code the objects run.
        undigested: Names of what couldn't be looked into, with the reason.

    Example:
        >>> digest = ContentDigest()
        >>> digest.of([1.0, "a"], "x") == digest.of([1.0, "a"], "y"), digest.of(1, "x") == digest.of(1.0, "x")
        (True, False)
    """

    def __init__(self, packages: Collection[str] = ()) -> None:
        self.files: set[Path] = set()
        self._packages = frozenset(packages)
        self.undigested: dict[str, str] = {}
        # Values are held beside their digests, so that no two of them get one id.
        self._done: dict[int, tuple[Any, bytes]] = {}
        self._active: list[int] = []

    def of(self, value: Any, name: str) -> bytes:
        """Return an object's digest, 32 bytes.

        Args:
            value: Any object.
            name: Name under which it is noted if it can't be digested.
        """
        if isinstance(value, PLAIN) and type(value) in PLAIN:
            return self._plain(value)
        key = id(value)
        if key in self._done:
            return self._done[key][1]
        if key in self._active:
            return hashed("cycle", str(len(self._active) - self._active.index(key)))
        if len(self._active) >= DEEPEST:
            return self._note(name, "nested too deeply")
        self._active.append(key)
        digest: bytes | None = None
        try:
            with suppress(Exception):  # an object's own methods may raise anything when it is taken apart
                digest = self._compound(value, name)
        finally:
            self._active.pop()
        digest = digest or self._note(name, type_name(value))
        self._done[key] = value, digest
        return digest

    def attributes(self, value: Any, name: str, excluded: Collection[str] = ()) -> dict[str, bytes]:
        """Return the digests of an object's attributes, by name; what is derived from others is left out.

        Args:
            value: An object with attributes of its own.
            name: Its name.
            excluded: Attributes to leave out.
        """
        values = attributes(value)
        names = [key for key in sorted(values) if key not in excluded and not is_derived(type(value), key)]
        return {key: self.of(values[key], f"{name}.{key}" if name else key) for key in names}

    def _note(self, name: str, reason: str) -> bytes:
        self.undigested.setdefault(name, reason)
        return hashed("undigested", reason)

    def _plain(self, value: Any) -> bytes:
        if isinstance(value, str):
            return self._text(value)
        return hashed(type(value).__name__, repr(value))

    def _text(self, text: str) -> bytes:
        """Digest a text; of the path of a file the file's name and content, so that other weights count."""
        if not 0 < len(text) < 1024 or "\n" in text or "\0" in text:
            return hashed("str", text)
        path = Path(text)
        try:
            if (path.suffix or os.sep in text) and path.is_file():
                return hashed("file", path.name, file_digest(path))
            if path.is_absolute() and path.is_dir():
                return hashed("folder", path.name)
        except (OSError, ValueError):
            pass
        return hashed("str", text)

    def _many(self, kind: str, values: Iterable[Any], name: str) -> bytes:
        return hashed(kind, *(self.of(value, f"{name}[{number}]") for number, value in enumerate(values)))

    def _compound(self, value: Any, name: str) -> bytes:
        if isinstance(value, list | tuple | deque) and not hasattr(value, "__dict__"):
            return self._many(type_name(value), value, name)
        if isinstance(value, set | frozenset) and not hasattr(value, "__dict__"):
            return hashed(type_name(value), *sorted(self.of(item, f"{name}{{}}") for item in value))
        if isinstance(value, Mapping) and type(value).__module__ in ("builtins", "collections"):
            pairs = [(self.of(key, name), self.of(item, f"{name}[{key!r:.40}]")) for key, item in value.items()]
            return hashed("mapping", *(part for pair in sorted(pairs) for part in pair))
        if isinstance(value, Path):
            return self._text(str(value))
        if isinstance(value, bytearray | memoryview):
            return hashed("bytes", bytes(value))
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value, name)
        if isinstance(value, enum.Enum):
            return hashed("enum", type(value).__qualname__, value.name)
        if isinstance(value, NO_DATA):
            return hashed(type_name(value))
        return self._code_or_object(value, name)

    def _array(self, value: Any, name: str) -> bytes:
        if isinstance(value, np.ma.MaskedArray):
            return hashed("masked", self._array(value.data, name), self._array(np.ma.getmaskarray(value), name))
        array = np.asarray(value)
        if array.dtype.hasobject:
            return hashed("array", str(array.shape), self._many("objects", array.ravel().tolist(), name))
        return hashed("array", array.dtype.str, str(array.dtype.descr), str(array.shape), array.tobytes())

    def _code_or_object(self, value: Any, name: str) -> bytes:
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, types.FunctionType):
            return self._function(value, name)
        if isinstance(value, types.MethodType):
            return hashed("method", self.of(value.__self__, name), self.of(value.__func__, name))
        if isinstance(value, types.CodeType):
            return hashed("code", *self._code(value))
        if isinstance(value, types.BuiltinFunctionType | types.MethodWrapperType):
            bound = getattr(value, "__self__", None)
            of_object = b"" if bound is None or isinstance(bound, types.ModuleType) else self.of(bound, name)
            return hashed("built-in", qualified(value), of_object)
        if isinstance(value, functools.partial):
            return hashed("partial", *(self.of(part, name) for part in (value.func, value.args, value.keywords)))
        if isinstance(value, staticmethod | classmethod):
            return hashed(type(value).__name__, self.of(value.__func__, name))
        if isinstance(value, property):
            return hashed("property", *(self.of(part, name) for part in (value.fget, value.fset, value.fdel)))
        if isinstance(value, functools.cached_property):
            return hashed("property", self.of(value.func, name))
        if isinstance(value, type):
            return self._class(value, name)
        wrapped = getattr(value, "__wrapped__", None)
        if isinstance(wrapped, types.FunctionType) and hasattr(value, "cache_info"):
            return hashed("cached", self.of(wrapped, name))  # what functools.lru_cache has kept is derived
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return self._tensor(value, name)
        if torch is not None and isinstance(value, torch.device):
            return hashed("device")
        if torch is not None and isinstance(value, torch.nn.Module):
            return self._network(value, name)
        return self._object(value, name)

    def _tensor(self, tensor: Any, name: str) -> bytes:
        if tensor.is_meta:
            return self._note(name, "a tensor without data")
        if tensor.layout != sys.modules["torch"].strided or tensor.is_quantized:
            return hashed("tensor", str(tensor.layout), self.of(tensor.to_dense().cpu().numpy(), name))
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(sys.modules["torch"].uint8)
        return hashed("tensor", str(tensor.dtype), str(tuple(tensor.shape)), flat.numpy().tobytes())

    def _network(self, network: Any, name: str) -> bytes:
        """Digest a torch.nn.Module: weights, buffers, mode and settings, its parts likewise."""
        tensors = [
            (key, tensor)
            for group in (network._parameters, network._buffers)
            for key, tensor in group.items()
            if tensor is not None
        ]
        hooks = [
            hook
            for key, group in vars(network).items()
            if key.endswith("_hooks") and isinstance(group, Mapping)
            for hook in group.values()
        ]
        parts: list[str | bytes] = [self.of(type(network), name), str(network.training)]
        for key, part in [*tensors, *network._modules.items()]:
            parts += [key, self.of(part, f"{name}.{key}")]
        # A scripted, traced or transformed network has its code in the object, under a class of torch's.
        code = None
        with suppress(Exception):  # a scripted part that has no method
            code = getattr(network, "code", None)
        if isinstance(code, str):
            parts += ["code", code]
        # torch's own attributes begin with an underscore, and so do bookkeeping ones of libraries.
        keeps_private = self._own_file(type(network).__module__) is not None
        left_out = WITHOUT_EFFECT | set(vars(sys.modules["torch"].nn.Module()))
        for key, setting in sorted(vars(network).items()):
            if key in left_out or (key.startswith("_") and not keeps_private) or is_derived(type(network), key):
                continue
            parts += [key, self.of(setting, f"{name}.{key}")]
        return hashed("network", *parts, self._many("hooks", hooks, name))

    def _module(self, module: types.ModuleType) -> bytes:
        path = self._own_file(module.__name__)
        if path is None:
            return hashed("module", module.__name__)
        self._own_code(path, module.__name__)
        # Functions and classes are in the file; a value may have been changed since.
        code = types.ModuleType | types.FunctionType | type
        values = {
            key: value
            for key, value in vars(module).items()
            if not key.startswith("__") and not isinstance(value, code)
        }
        return hashed("module", module.__name__, self.of(values, module.__name__))

    def _own_file(self, module_name: str | None) -> Path | None:
        if (module_name or "").partition(".")[0] in self._packages:
            return module_file(sys.modules.get(str(module_name)))
        return own_file(module_name)

    def _own_code(self, path: Path, module_name: str) -> None:
        if path in self.files:
            return
        self.files.add(path)
        if changed_since_import(module_name):
            self._note(path.name, "changed since it was imported; start Python again")

    def _function(self, function: types.FunctionType, name: str) -> bytes:
        code = function.__code__
        path = self._own_file(function.__module__)
        parts: list[str | bytes] = [function.__qualname__]
        is_own_code = path is not None or is_without_file(function.__module__)
        if path is not None and same_file(code.co_filename, path):
            self._own_code(path, function.__module__)
            parts.append(str(code.co_firstlineno))  # of functions with one name
        if path is None or not same_file(code.co_filename, path) or function.__name__ == "<lambda>":
            # Without source, or of several lambdas on one line, only the code says which it is.
            if is_own_code:
                parts += self._code(code)
            else:
                parts += [function.__module__ or "", code.co_filename.rpartition(os.sep)[2]]
        for kind in ("__defaults__", "__kwdefaults__"):
            parts.append(self.of(getattr(function, kind), name))
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            parts += [variable, self._cell(cell, f"{name}'s {variable}")]
        extra = {key: value for key, value in vars(function).items() if key != "__wrapped__"}
        parts.append(self.of(extra, name) if extra else b"")
        if is_own_code:
            for variable in global_names(code):
                if variable in function.__globals__:
                    parts += [variable, self.of(function.__globals__[variable], variable)]
        return hashed("function", *parts)

    def _cell(self, cell: Any, name: str) -> bytes:
        try:
            return self.of(cell.cell_contents, name)
        except ValueError:  # not bound yet
            return hashed("empty")

    def _code(self, code: types.CodeType) -> list[str | bytes]:
        """Return what decides what code does: its instructions and constants, those of inner functions too."""
        constants = [
            hashed("code", *self._code(constant)) if isinstance(constant, types.CodeType) else self.of(constant, "")
            for constant in code.co_consts
        ]
        return [code.co_code, *map(str, (code.co_names, code.co_varnames, code.co_freevars)), *constants]

    def _class(self, kind: type, name: str) -> bytes:
        path = self._own_file(kind.__module__)
        has_source = path is not None
        if path is not None:
            self._own_code(path, kind.__module__)
        elif kind.__module__ == "builtins" or not is_without_file(kind.__module__):
            return hashed("class", qualified(kind))
        parts: list[str | bytes] = [qualified(kind) if kind.__module__ == "__main__" else kind.__qualname__]
        for key, member in sorted(vars(kind).items()):
            if key in IGNORED_MEMBERS or is_generated(member, has_source):
                continue
            parts += [key, self.of(member, key)]
        return hashed("class", *parts, *(self.of(base, name) for base in kind.__bases__ if base is not object))

    def _object(self, value: Any, name: str) -> bytes:
        stated = stated_fingerprint(value)
        if stated is not None:
            return hashed("reward model", stated)
        kind = type(value)
        if isinstance(value, io.IOBase):
            return self._note(name, type_name(value))
        if is_plain(kind) and (hasattr(value, "__dict__") or slots(kind)):
            is_library = self._own_file(kind.__module__) is None
            excluded = LOCATIONS if is_library else ()
            attributes = self.attributes(value, name, excluded)
            return hashed("object", self.of(kind, name), *(part for pair in attributes.items() for part in pair))
        reduced: Any = None
        with suppress(Exception):  # most objects of compiled code refuse
            registered = copyreg.dispatch_table.get(kind)
            reduced = registered(value) if registered else value.__reduce_ex__(4)
        if reduced is None:
            return self._note(name, type_name(value))
        if isinstance(reduced, str):
            return hashed("object", type_name(value), reduced)
        parts = [list(part) if hasattr(part, "__next__") else part for part in reduced]
        return hashed("object", self.of(kind, name), *(self.of(part, name) for part in parts))
