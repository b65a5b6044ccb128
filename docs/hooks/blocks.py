"""Parts of the documentation that a program writes: what stands between two comments of a page."""

from __future__ import annotations

import re
from pathlib import Path


def put(path: Path, name: str, text: str) -> None:
    """Replace what stands between two comments of a page."""
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.S)
    page = path.read_text(encoding="utf-8")
    path.write_text(block.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page), encoding="utf-8")
