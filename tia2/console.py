"""The commands' output on the terminal: one style of tables, progress bars and JSON, made for 80 columns."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tia2.streams import is_utf8, visible

_RAW = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON may hold as it is and a terminal may obey."""


NARROWEST = 11
"""Columns of the terminal that a column of names keeps."""


class _CutInTheMiddle(Text):
    """Text on one line that loses its middle where there is no room: names of a kind differ at their ends."""

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        measured = super().__rich_measure__(console, options)
        return Measurement(min(NARROWEST, measured.maximum), measured.maximum)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        if options.overflow != "ignore" and "\n" not in self.plain:
            short = cut_in_the_middle(self.plain, options.max_width)
            if short != self.plain:
                return Text(short, self.style, no_wrap=True).__rich_console__(console, options)
        return super().__rich_console__(console, options)


def cut_in_the_middle(text: str, width: int) -> str:
    """Return a text of at most so many columns of a terminal, with an ellipsis for what is left out of its middle.

    Example:
        >>> cut_in_the_middle("mini-countblind + TextNorm (cv)", 20)
        'mini-countbl…rm (cv)'
    """
    if cell_len(text) <= width:
        return text
    end = set_cell_size(text[::-1], max(0, (width - 1) * 2 // 5))[::-1].lstrip()
    return f"{set_cell_size(text, max(0, width - 1 - cell_len(end))).rstrip()}…{end}" if width > 2 else "…"[:width]


class _VisibleConsole(Console):
    """A console that shows control characters instead of obeying them: no prompt or path can steer the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        # A table that has no room for its numbers runs over the edge, rather than to lose a column.
        for table in (table for table in objects if isinstance(table, Table) and table.width is None):
            wide = self.options.update(max_width=1_000)
            for column in (column for column in table.columns if column.no_wrap):
                # rich takes the longest word for the least that text needs, also where it may not be wrapped.
                cells = [column.header, *column.cells]
                column.min_width = max(Measurement.get(self, wide, cell).maximum for cell in cells)
            least = Measurement.get(self, wide, table).minimum
            if least > self.width:
                table.width = least
                options["crop"] = False
        super().print(*objects, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


stdout = _VisibleConsole(highlight=False)
stderr = _VisibleConsole(stderr=True, highlight=False)


def table(*columns: str, title: str | None = None, right: Iterable[str] = ()) -> Table:
    """Return an empty table in the style of all commands.

    Columns aligned right keep their width. The others give way where the terminal is too narrow: a cell made with
    `plain` then loses its middle, other text is wrapped.

    Args:
        *columns: The headings.
        title: A line above the table.
        right: The headings of the columns to align right, usually the numbers.

    Returns:
        The table; fill it with `add_row` and `add_section`, show it with `stdout.print`.
    """
    numbers = set(right)
    grid = Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        if column in numbers:
            grid.add_column(column, justify="right", no_wrap=True)
        else:
            grid.add_column(column)
    return grid


def progress() -> Progress:
    """Return a progress display on stderr, to be used in a `with`: label, bar, number done of how many, time left."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=stderr,
        transient=True,
    )


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print the warnings of a block on stderr when it ends, one line each, without the line of code they came from."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        stderr.print("warning: ", plain(text), sep="", soft_wrap=True)


@contextmanager
def foreign_output_to_stderr() -> Iterator[None]:
    """Send what a block prints to stderr, so that a user's code can't spoil what a command prints on stdout.

    Where stdout is the process's own, output of compiled code and of other processes goes to stderr, too.
    """
    sys.stdout.flush()
    try:
        is_real = sys.stdout.fileno() == 1
    except (OSError, ValueError, AttributeError):  # a test's or a notebook's
        is_real = False
    if not is_real:
        with redirect_stdout(sys.stderr):
            yield
        return
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def plain(text: object, style: str = "") -> Text:
    """Return text to be shown as it is, on one line: square brackets in names and paths are not markup.

    Args:
        text: The text, or what has one.
        style: Style of rich, such as "italic".

    Returns:
        The text. Where a table's cell is too narrow for it, its middle is left out.
    """
    return _CutInTheMiddle(visible(str(text)), style, no_wrap=True, overflow="ellipsis")


def program() -> str:
    """Return how `tia2` is called from this terminal: by its path where the shell wouldn't find it by its name.

    After `make quickstart` it lies in `.venv/bin`, which a shell searches only once the environment is activated.

    Example:
        >>> program()  # doctest: +SKIP
        '.venv/bin/tia2'
    """
    called = Path(sys.argv[0])
    if called.stem != "tia2" or not called.exists() or shutil.which("tia2"):
        return "tia2"
    return min(os.path.relpath(called), str(called), key=len)


def print_json(value: Any) -> None:
    """Write a value to stdout as indented JSON that parses anywhere: no colours, NaN refused."""
    text = json.dumps(value, indent=2, ensure_ascii=not is_utf8(stdout.file), allow_nan=False)
    stdout.file.write(_RAW.sub(lambda raw: f"\\u{ord(raw[0]):04x}", text) + "\n")


def print_file(content: str) -> None:
    """Write a file's text to stdout as UTF-8, which is what its format promises, whatever the terminal's encoding."""
    file = stdout.file
    if is_utf8(file) or not hasattr(file, "buffer"):
        file.write(content)
        return
    file.flush()
    file.buffer.write(content.encode())
