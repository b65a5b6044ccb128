"""What a reward model of one's own is: a digest of everything that was seen to decide its rewards.

The specification's argument and options, the whole file and the files of one's own that it imports, attributes, arrays
and tensors by content, weights and buffers of a network, closed-over variables, defaults and constants of functions,
the files that were read while it was made or that its code names where it reads one, and the environment variables
that its code reads. What can't be looked into is named: then nothing says whether two
reward models are the same.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tia2.rewards.identity.content import ContentDigest
from tia2.rewards.identity.objects import ORIGIN, WITHOUT_EFFECT, file_digest, hashed, is_plain
from tia2.rewards.identity.own_files import HOME, is_own, module_file, with_imports
from tia2.rewards.identity.reads import environment_reads, file_reads


@dataclass(frozen=True)
class Origin:
    """Where a reward model came from.

    Attributes:
        argument: Argument of the specification, after its colon; None for none.
        options: Options that it was made with.
        files: Files that were read while it was imported and made.
        module: Name of the module that made it; None for an object that was made in Python.
        is_built_in: Whether it comes with tia2.
    """

    argument: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    module: str | None = None
    is_built_in: bool = False


@dataclass(frozen=True)
class Identity:
    """The identity of a reward model.

    Attributes:
        fingerprint: SHA-256 hex digest over everything that decides a reward.
        parts: Beginnings of the digests of its parts, by name, which say what has changed; empty for a reward model
            that states its own fingerprint.
        undigested: Parts that could not be looked into, with the reason; empty where the fingerprint says it all.
    """

    fingerprint: str
    parts: Mapping[str, str] = field(default_factory=dict)
    undigested: tuple[str, ...] = ()


def identity(model: Any) -> Identity:
    """Return a reward model's identity: its own fingerprint where it states one, or else a digest of its content.

    Args:
        model: A reward model.

    Example:
        >>> from tia2.rewards import FunctionReward
        >>> def make(factor):
        ...     return lambda images, texts: [factor * len(text) for text in texts]
        >>> identity(FunctionReward(make(1))).fingerprint == identity(FunctionReward(make(2))).fingerprint
        False
    """
    # A class that overrides the fingerprint of its base states its own.
    stating = next((base for base in type(model).__mro__ if "fingerprint" in vars(base)), None)
    digest = getattr(model, "digest_content", None)
    if stating is not None and "digest_content" in vars(stating) and callable(digest):
        digested: Identity = digest()
        if digested.parts:
            return digested
        # A released model that the user's code has made may be given other weights by it.
        code = _code_files(origin(model).module) if "_released" in vars(stating) else set()
        return _with_origin(digested.fingerprint, origin(model), code)
    return _with_origin(str(model.fingerprint), origin(model), set())


def _with_origin(stated: str, source: Origin, code: set[Path]) -> Identity:
    """Return the identity of a reward model that states its fingerprint, which needn't cover what it was made with."""
    content = ContentDigest()
    parts = {f"option {name}": content.of(option, name) for name, option in sorted(source.options.items())}
    parts = {name: digest for name, digest in parts.items() if name.partition(" ")[2] not in WITHOUT_EFFECT}
    if source.argument is not None:
        parts["argument"] = content.of(source.argument, "argument")
    parts |= _code_parts(code, source.files, content) if code else {}
    if source.is_built_in or not parts:
        return Identity(stated)
    parts["stated fingerprint"] = hashed(stated)
    return _of_parts(parts)


def _code_files(module_name: str | None) -> set[Path]:
    """Return the files of the code that made a reward model: a file with its imports, or a package."""
    path = module_file(sys.modules.get(module_name or ""))
    if path is None or (module_name or "").partition(".")[0] == HOME:
        return set()
    return with_imports([path]) if is_own(path) else _package_files(module_name or "")


def _code_parts(code: set[Path], read: Iterable[Path], content: ContentDigest) -> dict[str, bytes]:
    """Return the digests of code, of files that it was seen to read or names, and of environment variables."""
    written = {path for path in code if is_own(path)}
    variables = {name: content.of(os.environ.get(name), name) for name in environment_reads(written)}
    parts = {f"environment variable {name}": digest for name, digest in variables.items()}
    return parts | _file_parts(code | set(read) | file_reads(written))


def _file_parts(files: Iterable[Path]) -> dict[str, bytes]:
    """Return the digests of files by name, so that the folders they lie in make no difference."""
    parts: dict[str, bytes] = {}
    for name, digest in sorted((path.name, file_digest(path)) for path in files):
        label = f"file {name}"
        parts[label] = hashed(parts[label], digest) if label in parts else digest
    return parts


def _of_parts(parts: Mapping[str, bytes], undigested: tuple[str, ...] = ()) -> Identity:
    total = hashed("reward of one's own, 2", *(part for pair in sorted(parts.items()) for part in pair))
    return Identity(total.hex(), {name: digest.hex()[:12] for name, digest in parts.items()}, undigested)


def origin(model: Any) -> Origin:
    """Return where a reward model came from; an empty origin for an object that was made in Python."""
    stored = getattr(model, ORIGIN, None)
    return stored if isinstance(stored, Origin) else Origin()


def content_identity(
    value: Any, *, excluded: Collection[str] = (), origin: Origin | None = None, released: str | None = None
) -> Identity:
    """Return the identity of any object or function by its content.

    Args:
        value: The object or function that scores.
        excluded: Attributes of the object that don't decide a reward.
        origin: Where it came from.
        released: Fingerprint of the released model that a class of one's own derives from.
    """
    origin = origin or Origin()
    target = value.__self__ if inspect.ismethod(value) else value
    root = _module_of(target)
    content = ContentDigest(_packages(root))
    parts: dict[str, bytes] = {}
    is_object = is_plain(type(target)) and not inspect.isclass(target) and hasattr(target, "__dict__")
    if inspect.ismethod(value):
        parts["method"] = hashed(value.__func__.__qualname__)
    if is_object and not _is_network(target):
        parts["class"] = content.of(type(target), type(target).__name__)
        left_out = WITHOUT_EFFECT | set(excluded) | set(getattr(target, "fingerprint_excludes", ()))
        attributes = content.attributes(target, "", left_out)
        parts |= {f"attribute {name}": digest for name, digest in attributes.items()}
    else:
        parts["code"] = content.of(target, getattr(target, "__name__", type(target).__name__))
    if released is not None:
        parts["released model"] = hashed(released)
    if origin.argument is not None:
        parts["argument"] = content.of(origin.argument, "argument")
    for name, option in sorted(origin.options.items()):
        if name not in WITHOUT_EFFECT:
            parts[f"option {name}"] = content.of(option, name)
    parts |= _code_parts(with_imports(content.files) | _package_files(root), origin.files, content)
    undigested = tuple(f"{name} ({reason})" for name, reason in content.undigested.items())
    return _of_parts(parts, undigested)


def released_identity(model: Any, released: str, *, excluded: Collection[str] = ()) -> Identity:
    """Return the identity of a model with released weights, which a class outside this library may derive from.

    Args:
        model: The reward model.
        released: Fingerprint of its files and settings.
        excluded: Attributes that this fingerprint covers.
    """
    if type(model).__module__.partition(".")[0] == HOME:
        return Identity(released)
    return content_identity(model, excluded=excluded, origin=origin(model), released=released)


def _module_of(target: Any) -> str:
    named = target if inspect.isroutine(target) or inspect.isclass(target) else type(target)
    while hasattr(named, "func"):  # functools.partial
        named = named.func
    return str(getattr(named, "__module__", "") or "")


def _packages(module_name: str) -> tuple[str, ...]:
    """Return the package of a reward that is installed, whose code counts as the reward's own."""
    top = module_name.partition(".")[0]
    path = module_file(sys.modules.get(module_name))
    if path is None or top in (HOME, "__main__") or top in sys.stdlib_module_names or is_own(path):
        return ()
    return (top,)


def _package_files(module_name: str) -> set[Path]:
    """Return all Python files of the installed package that a reward comes from."""
    if not _packages(module_name):
        return set()
    file = module_file(sys.modules.get(module_name.partition(".")[0]))
    if file is None:
        return set()
    return set(file.parent.rglob("*.py")) if file.name == "__init__.py" else {file}


def _is_network(target: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(target, torch.nn.Module)


__all__ = [
    "ORIGIN",
    "WITHOUT_EFFECT",
    "Identity",
    "Origin",
    "content_identity",
    "identity",
    "origin",
    "released_identity",
]
