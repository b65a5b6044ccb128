"""The commands' output on the terminal: one style of tables, progress bars and JSON, made for 80 columns."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def table(*columns: str, title: str | None = None, right: Iterable[str] = ()) -> Table:
    """Return an empty table in the style of all commands.

    Columns aligned right keep their width. The others give way where the terminal is too narrow: a cell made with
    `plain` is then cut with an ellipsis, other text is wrapped.

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
        grid.add_column(column, justify="right" if column in numbers else "left", no_wrap=column in numbers)
    return grid


def progress() -> Progress:
    """Return a progress display on stderr, to be used in a `with`: label, bar, number done of how many, time left."""
    return Progress(
        TextColumn("{task.description}"),
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


def plain(text: object) -> Text:
    """Return text to be shown as it is, on one line: square brackets in names and paths are not markup."""
    return Text(str(text), no_wrap=True, overflow="ellipsis")


def print_json(value: Any) -> None:
    """Write a value to stdout as indented JSON that parses anywhere: no colours, NaN refused."""
    stdout.file.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
