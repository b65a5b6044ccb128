"""What the machine around the app may get wrong: proxies, the folder for temporary files, and stub files."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from tia2.errors import LeaderboardError

TEMPORARY = "GRADIO_TEMP_DIR"
"""The variable that says where Gradio puts uploads and pictures."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
STUBS = ("gradio.component_meta", "create_or_modify_pyi")
"""Where Gradio, whenever it is imported, writes stub files for editors, from the source of each of its components."""


@contextmanager
def without_proxies() -> Iterator[None]:
    """Let a block ask this machine's own server directly, whatever proxies the environment names.

    Gradio asks its server for a page when it starts, by a client that goes through proxies even to this machine, and
    that ends with an error where a SOCKS proxy is named and its package isn't installed.

    Example:
        >>> with without_proxies():
        ...     "HTTP_PROXY" in os.environ
        False
    """
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.lower() in PROXIES}
    try:
        yield
    finally:
        os.environ.update(taken)


@contextmanager
def without_stubs() -> Iterator[None]:
    """Let a block import Gradio without writing its stub files, which takes almost half of the import.

    Example:
        >>> with without_stubs():
        ...     import gradio  # doctest: +SKIP
    """
    finder = _WithoutStubs()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _WithoutStubs(MetaPathFinder):
    """Finds the one module whose function is to do nothing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == STUBS[0] else None
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_replace(module: ModuleType) -> None:
                run(module)
                if hasattr(module, STUBS[1]):
                    setattr(module, STUBS[1], _write_nothing)

            spec.loader.exec_module = run_and_replace  # type: ignore[method-assign]
        return spec


def _write_nothing(*_: object) -> None:
    """Stand in for what writes a component's stub file."""


def prefer_own_folder() -> bool:
    """Choose a new folder for what Gradio keeps for a while, unless the environment names one.

    Gradio's own, `gradio` in the folder for temporary files, belongs to whoever on this machine used it first. It reads
    the variable when it is imported, so this comes first.

    Returns:
        Whether there is one: False where no folder for temporary files can be written to.
    """
    if os.environ.get(TEMPORARY):
        return True
    try:
        folder = tempfile.mkdtemp(prefix="tia2-leaderboard-")
    except OSError:
        return False
    _use(folder)
    return True


def prepare_temporary_folder(store: Path) -> None:
    """Choose a folder beside the store where there is none for temporary files, since nothing within a store is served.

    Args:
        store: Folder of the leaderboard.

    Raises:
        LeaderboardError: Neither can be written to.
    """
    if prefer_own_folder():
        return
    try:
        folder = tempfile.mkdtemp(prefix=".tia2-temporary-", dir=store.parent)
    except OSError as error:
        raise LeaderboardError(
            f"There is no folder for temporary files ({error.strerror or error}): name one with TMPDIR."
        ) from None
    tempfile.tempdir = folder
    _use(folder)


def _use(folder: str) -> None:
    os.environ[TEMPORARY] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
