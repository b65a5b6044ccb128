"""What the leaderboard's commands share: where the store lies by default, what is said of a model, and who types."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_STORE = "runs/leaderboard"

Paper = Annotated[str | None, typer.Option(help="Address of the paper, https.")]
Organisation = Annotated[str | None, typer.Option("--organisation", "--organization", help="Who made the model.")]
Parameters = Annotated[int | None, typer.Option(metavar="N", help="Number of its weights.")]
Code = Annotated[str | None, typer.Option(help="Address of its code, https.")]
Weights = Annotated[str | None, typer.Option(help="Address of its weights, https.")]


def account_name() -> str:
    """Return the name of the account that runs this process; empty where it has none, as in some containers."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
