"""The commands that go from two models to a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def add_to(app: typer.Typer) -> None:
    """Add the commands to `tia2 people`.

    Args:
        app: The group of commands.
    """
