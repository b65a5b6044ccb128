"""README and docs as a reader meets them: the pages in the order of the menu, and what each tells one to type."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = (
    "accelerate", "cd", "curl", "export", "make", "pip", "printf", "python", "python3", "source", "tensorboard", "tia2",
    "torchrun", ".venv/bin/pip", "URL", "ID",
)  # fmt: skip
"""What a line that is to be typed begins with; the last two are shell variables."""


class Block(NamedTuple):
    """What a reader is told to type: "python", "command", or "other" for indented text that is neither.

    `file` is the name of the file that a Python block is to be saved under, if its first line is a comment with one.
    """

    kind: str
    text: str

    @property
    def file(self) -> str | None:
        match = re.match(r"# (\w+\.py)\n", self.text) if self.kind == "python" else None
        return match[1] if match else None


def menu() -> list[Path]:
    """Return README and the pages of the menu, in its order, without those about the API."""

    def paths(entry: object) -> Iterator[str]:
        for inner in entry if isinstance(entry, list) else entry.values() if isinstance(entry, dict) else ():
            yield from paths(inner)
        if isinstance(entry, str):
            yield entry

    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    return [ROOT / "README.md", *(ROOT / "docs" / path for path in paths(nav) if not path.startswith("api/"))]


def blocks(page: Path) -> list[Block]:
    """Return what a page tells a reader to type, in order; what a program prints into the page isn't part of it."""
    printed = re.compile(r"^<!-- \w[\w -]* -->$.*?^<!-- end of .*?-->$", re.S | re.M)
    return list(_blocks(printed.sub("", page.read_text(encoding="utf-8"))))


def _blocks(text: str) -> Iterator[Block]:
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if fence := re.match(r"```(\w*)$", line):
            end = lines.index("```", number)
            if fence[1] == "python":
                yield Block("python", "\n".join(lines[number:end]) + "\n")
            number = end + 1
        elif re.match(r"(!!!|\?\?\?\+?|===\+?) |(-|\d+\.) ", line):
            # The inside of a note, a tab or an item of a list is four columns further in.
            first = "" if line[0] in "!?=" else line.split(" ", 1)[1] + "\n"
            end = _end_of_indented(lines, number)
            yield from _blocks(first + "\n".join(re.sub("^ {1,4}", "", inner) for inner in lines[number:end]))
            number = end
        elif line.startswith("    "):
            end = _end_of_indented(lines, number)
            code = textwrap.dedent("\n".join([line, *lines[number:end]]))
            for command in re.sub(r"\\\n\s*", "", code).split("\n"):
                if command.strip():
                    known = re.split(r"[ =]", command)[0] in PROGRAMS
                    yield Block("command" if known else "other", command)
            number = end


def _end_of_indented(lines: list[str], start: int) -> int:
    """Return the number of the first line that is neither indented nor empty before more that is indented."""
    end = start
    for number in range(start, len(lines)):
        if lines[number].startswith("  "):
            end = number + 1
        elif lines[number].strip():
            break
    return end
