"""The commands that go from two models to a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _compare, _contrasts, _crowd, _plan, _verdict

if TYPE_CHECKING:
    import typer


def add_to(app: typer.Typer) -> None:
    """Add the commands to `tia2 people`.

    Args:
        app: The group of commands.
    """
    app.command(epilog=_plan.EXAMPLES)(_plan.plan)
    app.command(epilog=_compare.EXAMPLES)(_compare.compare)
    app.command(epilog=_verdict.EXAMPLES)(_verdict.verdict)
    app.command("crowd-out", epilog=_crowd.OUT_EXAMPLES)(_crowd.crowd_out)
    app.command("crowd-in", epilog=_crowd.IN_EXAMPLES)(_crowd.crowd_in)
    app.command(epilog=_contrasts.EXAMPLES)(_contrasts.contrasts)
