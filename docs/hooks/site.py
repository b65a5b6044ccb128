"""What the documentation says of its origin: the version, and links to the repository where that has an address."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "TIA2_REPOSITORY"
"""Address of the repository; without it, that of the clone's origin."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill in what the configuration can't know."""
    config.copyright = f"TIA2 {version()}, Apache-2.0"
    address = os.environ.get(VARIABLE) or web_address(origin())
    if address:
        config.repo_url = address.rstrip("/")
        config.repo_name = "/".join(config.repo_url.split("/")[-2:])
        config.edit_uri = f"{'-/' if 'gitlab' in address else ''}edit/main/docs/"
    return config


def version() -> str:
    """Return the version that the documentation is about."""
    text = (ROOT / "tia2" / "_version.py").read_text(encoding="utf-8")
    match = re.search(r'__version__ = "([^"]+)"', text)
    return match[1] if match else ""


def origin() -> str:
    """Return where this clone comes from, empty if that isn't known."""
    words = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def web_address(remote: str) -> str:
    """Return the page of a repository that is cloned over https or ssh, empty for any other.

    Example:
        >>> web_address("git@example.org:owner/tia2.git")
        'https://example.org/owner/tia2'
    """
    match = re.fullmatch(r"(?:https://|ssh://git@|git@)(?:[^@/]+@)?([\w.-]+\.\w+)[:/](.+?)(?:\.git)?/?", remote)
    return f"https://{match[1]}/{match[2]}" if match else ""
