"""setuptools' build backend; an editable installation gets one file more, `tia2_before_folders.py`.

pyproject.toml names it. Wheels and source distributions are those of setuptools, untouched.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

MODULE = "tia2_before_folders"


def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Build the wheel of an editable installation, and add to it what runs when Python starts.

    Args:
        wheel_directory: Folder to write the wheel to.
        config_settings: Options for setuptools.
        metadata_directory: Folder of metadata that was prepared before, or None.

    Returns:
        The wheel's file name.
    """
    name: str = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    module = Path(__file__).with_name(f"{MODULE}.py").read_bytes()
    _add(Path(wheel_directory) / name, {f"{MODULE}.py": module, f"{MODULE}.pth": f"import {MODULE}\n".encode()})
    return name


def _add(wheel: Path, files: dict[str, bytes]) -> None:
    """Add files to a wheel and to its record, which a zip file can't be changed for in its place."""
    unfinished = wheel.with_suffix(".tmp")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                content += "".join(_recorded(name, added) for name, added in files.items()).encode()
            new.writestr(entry, content)
        for name, added in files.items():
            new.writestr(name, added)
    shutil.move(unfinished, wheel)


def _recorded(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"
