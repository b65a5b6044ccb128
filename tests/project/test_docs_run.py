"""README and docs as a reader uses them: what is printed can be pasted, and the command is where a page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(?P<python>(?:.*\n)*?)^```$|(?P<commands>(?:^ {4}\S.*\n)(?:^ {4,}.*\n)*)", re.M)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield what a page tells a reader to type, in order: ("python", code) or ("command", line)."""
    shown = re.compile(r"<!-- \w[\w -]* -->.*?<!-- end .*?-->", re.S)
    for block in BLOCK.finditer(shown.sub("", page.read_text(encoding="utf-8"))):
        if block["python"] is not None:
            yield "python", block["python"]
        else:
            for line in re.sub(r"\\\n\s*", "", block["commands"]).splitlines():
                yield "command", line.strip()


def test_a_reader_is_told_where_the_command_is():
    """After `make quickstart` it is in .venv/bin; before the first line that starts with it, a page says so."""
    for name in ("README.md", "docs/index.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert text.index("source .venv/bin/activate") < re.search(r"^ {4}tia2 ", text, re.M).start(), name


def test_every_command_in_a_block_can_be_pasted():
    """What explains a command stands behind a #, so that a shell takes the line as it is."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for kind, text in blocks(page):
            if kind == "command" and text.startswith("tia2 "):
                assert not re.search(r"\S {3,}[^#\s-]", text), (page.name, text)
