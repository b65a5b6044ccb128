"""`tia2 version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from tia2._version import __version__

app = typer.Typer()

PACKAGES = ("torch", "transformers", "datasets", "numpy", "scipy", "pandas", "pyarrow", "pillow", "diffusers", "gradio")
"""The distributions whose versions decide what a number means."""


@app.command(epilog="Example: tia2 version --json")
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the versions of tia2 and of the packages it stands on; put them in a bug report."""
    from tia2 import console

    versions = {
        "tia2": __version__,
        "python": platform.python_version(),
        **{name: _installed(name) for name in PACKAGES},
    }
    if as_json:
        console.print_json(versions)
        return
    table = console.table("package", "version")
    for name, number in versions.items():
        table.add_row(name, number or "[dim]not installed[/dim]")
    console.stdout.print(table)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
