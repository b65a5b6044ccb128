"""`tia2 rewards`."""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict
from typing import Annotated, Any

import typer

from tia2.commands.options import reward_options
from tia2.commands.rewards_check import CHECK_EXAMPLES, check

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

  tia2 rewards show pickscore --load
"""

VERIFY_EXAMPLES = """\
Examples:

  tia2 rewards verify imagereward

  tia2 rewards verify clip:openai/clip-vit-base-patch32

  tia2 rewards verify imagereward:path/to/folder --as imagereward
"""

EXIT_NOT_VERIFIED = 3
"""Nothing was found wrong, but nothing was compared either."""

Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option", "-o", metavar="KEY=VALUE", help="A further option of the reward, e.g. tokenizer=FOLDER; repeatable."
    ),
]


@app.callback()
def rewards() -> None:
    """List reward models, show what is known of each, check and verify them."""


@app.command("list", epilog=LIST_EXAMPLES)
def list_rewards(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the reward models and families that can be named.

    A broken plugin is marked, and stops nothing.
    """
    from rich.text import Text

    from tia2 import console
    from tia2.rewards.registry import describe

    with warnings.catch_warnings(record=True) as caught:
        rows = describe()
    for warning in caught:
        console.stderr.print("warning: ", console.plain(warning.message), sep="", soft_wrap=True)
    if as_json:
        console.print_json(rows)
        return
    table = console.table("reward", "what it is", "from")
    for row in rows:
        table.add_row(console.plain(row["spec"]), Text(row["summary"]), console.plain(row["source"]))
    console.stdout.print(table)
    console.stderr.print("\nYour own: FILE.py:NAME. All about one: tia2 rewards show NAME", markup=False)


@app.command(epilog=SHOW_EXAMPLES)
def show(
    spec: Annotated[str, typer.Argument(metavar="NAME", help="A name from `tia2 rewards list`, or a full spec.")],
    load: Annotated[
        bool, typer.Option("--load", help="Load the model, and show its exact facts and its fingerprint.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of a model from the hub; loads the model.")
    ] = None,
    option: Option = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show a reward model's card: formula, range, preprocessing, text limit, licence and more.

    Nothing is loaded or downloaded, unless asked for with --load; a reward of your own is always loaded.
    """
    from rich.markup import escape

    from tia2 import console
    from tia2.rewards.registry import card

    wants_loading = load or revision is not None or option
    known_card = None if wants_loading else card(spec)
    if known_card is None:
        with console.stderr.status(f"Loading {escape(spec)} …"), console.foreign_output_to_stderr():
            from tia2.rewards import load_reward

            model = load_reward(spec, revision=revision, **reward_options(option))
            facts = {**model.card.model_dump(mode="json"), "fingerprint": model.fingerprint}
    else:
        facts = known_card.model_dump(mode="json")
    if as_json:
        console.print_json(facts)
        return
    from rich.table import Table
    from rich.text import Text

    # As wide as the terminal: addresses are folded, and don't make it wider.
    shown = Table.grid(padding=(0, 2))
    shown.width = console.stdout.width
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column()
    for field, value in facts.items():
        shown.add_row(field.replace("_", " "), Text(_readable(field, value), overflow="fold"))
    console.stdout.print(shown)
    if known_card is not None:
        hint = f"\nNot loaded. Exact facts and fingerprint: tia2 rewards show {spec} --load"
        console.stderr.print(hint, markup=False, soft_wrap=True)


@app.command(epilog=VERIFY_EXAMPLES)
def verify(
    spec: Annotated[str, typer.Argument(metavar="NAME", help="A name from `tia2 rewards list`, or a full spec.")],
    weights_of: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="The published model that a local folder or file is a copy of."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps. Default: auto.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16. Default: float32.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a model from the hub.")] = None,
    option: Option = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare a reward model with example values that its authors publish for the real weights.

    Downloads the weights and the example images.

    Exit code 0: every value is within its tolerance.

    Exit code 1: one is not, or an error.

    Exit code 3: not verified, as no example is published, or something could not be downloaded.
    """
    from rich.markup import escape

    from tia2 import console

    options = {"device": device, "dtype": dtype, "revision": revision, **reward_options(option)}
    with (
        console.stderr.status(f"Verifying {escape(spec)} …"),
        console.warnings_as_lines(),
        console.foreign_output_to_stderr(),
    ):
        from tia2.rewards.conformance.verify import verify as run

        result = run(spec, weights_of=weights_of, **options)
    code = {True: 0, False: 1, None: EXIT_NOT_VERIFIED}[result.verified]
    if as_json:
        rows = [
            {**asdict(row), "got": _finite(row.got), "difference": _finite(row.difference), "within": row.within}
            for row in result.comparisons
        ]
        console.print_json(
            {"reward": spec, "verified": result.verified, "obstacle": result.obstacle, "comparisons": rows}
        )
    elif result.obstacle:
        console.stdout.print(f"not verified: {result.obstacle}", markup=False, soft_wrap=True)
    else:
        numbers = ("published", "got", "difference", "allowed")
        shown = console.table("image", "text", *numbers, "", right=numbers)
        for row in result.comparisons:
            values = (f"{row.expected:.5g}", f"{row.got:.5g}", f"{row.difference:+.2g}", f"{row.tolerance:g}")
            shown.add_row(console.plain(row.image), console.plain(row.text), *values, "ok" if row.within else "NO")
        console.stdout.print(shown)
        for row in {(row.quantity, row.by, row.source): row for row in result.comparisons}.values():
            line = f"{row.quantity}, published by {row.by}: {row.source}"
            console.stdout.print(line, markup=False, soft_wrap=True)
        console.stdout.print("verified" if result.verified else "NOT the published values")
    if code:
        raise typer.Exit(code)


app.command(epilog=CHECK_EXAMPLES)(check)


def _readable(field: str, value: Any) -> str:
    if field == "range":
        low, high = value
        if low is None and high is None:
            return "no fixed bounds"
        return f"{'unbounded' if low is None else low} to {'unbounded' if high is None else high}"
    return "-" if value is None else str(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
