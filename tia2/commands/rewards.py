"""`tia2 rewards`."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True)

LIST_EXAMPLES = """\
Examples:

  tia2 rewards list

  tia2 rewards list --json
"""

SHOW_EXAMPLES = """\
Examples:

  tia2 rewards show mini-strong

  tia2 rewards show clip:path/to/folder

  tia2 rewards show my_reward.py:MyReward
"""


@app.callback()
def rewards() -> None:
    """List reward models and show what is known of each."""


@app.command("list", epilog=LIST_EXAMPLES)
def list_rewards(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the reward models and families that can be named.

    A broken plugin is marked, and stops nothing.
    """
    from tia2 import console
    from tia2.rewards.registry import describe

    with warnings.catch_warnings(record=True) as caught:
        found = describe()
    for warning in caught:
        console.stderr.print("warning: ", console.plain(warning.message), sep="", soft_wrap=True)
    if as_json:
        console.print_json(found)
        return
    shown = console.table("reward", "what it is", "from")
    for row in found:
        shown.add_row(*(console.plain(row[column]) for column in ("spec", "summary", "source")))
    console.stdout.print(shown)
    console.stderr.print("\nYour own: FILE.py:NAME. All about one: tia2 rewards show NAME", markup=False)


@app.command(epilog=SHOW_EXAMPLES)
def show(
    spec: Annotated[str, typer.Argument(metavar="NAME", help="A name from `tia2 rewards list`, or a full spec.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a model from the hub.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show a reward model's card: formula, range, preprocessing, text limit, licence, …; loads the model."""
    from rich.markup import escape

    from tia2 import console

    with console.stderr.status(f"Loading {escape(spec)} …"):
        from tia2.rewards import load_reward

        model = load_reward(spec, revision=revision)
        facts = {**model.card.model_dump(mode="json"), "fingerprint": model.fingerprint}
    if as_json:
        console.print_json(facts)
        return
    from rich.table import Table
    from rich.text import Text

    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column()
    for field, value in facts.items():
        shown.add_row(field.replace("_", " "), Text(_readable(field, value), overflow="fold"))
    console.stdout.print(shown)


def _readable(field: str, value: Any) -> str:
    if field == "range":
        low, high = value
        return f"{'unbounded' if low is None else low} to {'unbounded' if high is None else high}"
    return "-" if value is None else str(value)
