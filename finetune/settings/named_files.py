"""YAML files that come with tia2 under a name, or lie anywhere under a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tia2.errors import FinetuneError, unknown_name


def names_in(folder: Path) -> list[str]:
    """Return the names of the YAML files of a folder, without their suffix."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_named(source: str, folder: Path, kind: str, holds: str) -> dict[str, Any]:
    """Read a YAML file by its name in a folder, or by its path.

    Args:
        source: Name of a file in the folder, or the path of a file ending in .yaml or .yml.
        folder: Folder of the files that have names.
        kind: Noun for a name in an error message, such as "preset".
        holds: Noun for the content in an error message, such as "settings".

    Raises:
        UnknownNameError: The folder has no such name.
        FinetuneError: The file can't be read, or holds no mapping.

    Example:
        >>> read_named("mini-ddpo", Path(__file__).with_name("presets"), "preset", "settings")["method"]
        'ddpo'
    """
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        if source not in names_in(folder):
            raise unknown_name(kind, source, names_in(folder))
        path = folder / f"{source}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FinetuneError(f"{source} can't be read: {error.strerror or error}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FinetuneError(f"{source} is no YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        raise FinetuneError(f"{source} holds no {holds}: expected a mapping, got {type(content).__name__}.")
    return content
