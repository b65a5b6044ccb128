"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from tia2.errors import RewardError, UsageError
from tia2.files import json_of
from tia2.storage import is_url, joined

Split = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Split of a benchmark that has several, or all. Default: test, or the only one."),
]
Config = Annotated[
    str | None, typer.Option(metavar="NAME", help="Config of a benchmark whose card names several. Default: its own.")
]


def reward_options(given: list[str] | None) -> dict[str, Any]:
    """Turn KEY=VALUE texts into the options of a reward; values that are JSON are read as such.

    Args:
        given: The texts, as `--option` collects them.

    Returns:
        The options by name.

    Raises:
        UsageError: A text has no equals sign, or no name before it.
    """
    options: dict[str, Any] = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"--option {text!r} is not of the form KEY=VALUE, for example text_policy=error.")
        try:
            options[key] = json_of(value)
        except ValueError:
            options[key] = value
    return options


def run_folder(out: str | Path | None, benchmark: str, reward: str, *, several: bool = False) -> str | Path:
    """Return the folder of a reward model's score table.

    Args:
        out: The folder that was asked for, or the URL of one; None for runs/BENCHMARK/REWARD.
        benchmark: Name of the benchmark.
        reward: Name of the reward model.
        several: Whether `out` holds the folders of several reward models.

    Example:
        >>> run_folder(None, "mini", "org/model").as_posix()
        'runs/mini/org-model'
    """
    # Names of models from the hub hold slashes.
    safe, group = (re.sub(r"[^\w.-]+", "-", name).strip("-.") for name in (reward, benchmark))
    safe = safe or "reward"
    if out is None:
        return Path("runs") / group / safe
    if several:
        return joined(out, safe)
    return out if is_url(out) else Path(out)


class Folders:
    """Where the score tables of a command go, each to a folder of its own.

    Attributes:
        here: The folder in which the command was called.

    Args:
        out: The folder that was asked for, or the URL of one; None for runs/BENCHMARK/REWARD.
        several: Whether `out` holds the folders of several reward models.
    """

    def __init__(self, out: str | Path | None, several: bool) -> None:
        # A reward's own code may change the current folder.
        self.here = Path.cwd()
        self._out, self._several = out, several
        self._taken: set[str | Path] = set()

    def of(self, benchmark: str, title: str) -> str | Path:
        """Return the folder of a reward model's table, relative to where the command was called, or its URL.

        Args:
            benchmark: Name of the benchmark.
            title: Name of the table.

        Raises:
            RewardError: Another table goes there.
        """
        folder = run_folder(self._out, benchmark, title, several=self._several)
        if folder in self._taken:
            raise RewardError(
                f"Two of the rewards are called {title!r}: tell them apart by --name, once per --reward, or score them "
                "one at a time, each with its --out."
            )
        self._taken.add(folder)
        return folder

    def absolute(self, folder: str | Path) -> str | Path:
        """Return a folder of `of` as one that means the same in every folder: an absolute path, or the URL."""
        return folder if is_url(folder) else self.here / folder
