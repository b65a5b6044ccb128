"""Ask people: a benchmark of your own, a verdict on two models."""

from __future__ import annotations

import typer

from . import _comparing, _voting

app = typer.Typer(no_args_is_help=True)


@app.callback(epilog="Examples: tia2 people --help")
def people() -> None:
    """Ask people: a benchmark of your own, a verdict on two models."""


_voting.add_to(app)
_comparing.add_to(app)
