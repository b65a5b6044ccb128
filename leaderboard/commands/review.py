"""`tia2 leaderboard review`, `log`, `backup` and `restore`: what maintainers of a leaderboard do."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from tia2.errors import LeaderboardError

review_app = typer.Typer(no_args_is_help=True)

STORE = Path("runs/leaderboard")
Store = Annotated[Path, typer.Option(help="The leaderboard's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

EXAMPLES = """\
Examples:

  tia2 leaderboard review

  tia2 leaderboard review --show 3f2a91c0

  tia2 leaderboard review --accept 3f2a91c0

  tia2 leaderboard review --reject 3f2a91c0 --reason "A copy of clip."
"""


@review_app.command(epilog=EXAMPLES)
def review(
    accept: Annotated[str | None, typer.Option(metavar="ID", help="Put a submission on the board.")] = None,
    reject: Annotated[str | None, typer.Option(metavar="ID", help="Keep a submission off the board.")] = None,
    show: Annotated[str | None, typer.Option(metavar="ID", help="Show all that is known of a submission.")] = None,
    add: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="Take in a file that `tia2 submit --out` built.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; with --accept a note for the log.")] = "",
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who reviews. Default: your account's name.")] = None,
    store: Store = STORE,
    as_json: AsJson = False,
) -> None:
    """List the submissions that wait; accept or reject one.

    An id's first digits are enough. Who decided what, when and why stays in the log.
    """
    from tia2 import console

    asked = [one for one in (accept, reject, show, add) if one is not None]
    if len(asked) > 1:
        raise LeaderboardError(f"Expected one of --accept, --reject, --show and --add, got {len(asked)}.")
    if reason and accept is None and reject is None:
        raise LeaderboardError("--reason belongs to --accept or --reject.")
    with _queue(store) as queue, console.warnings_as_lines():
        if accept is not None:
            with console.stderr.status("Checking the submission …"):
                listing = queue.accept(accept, by or _user(), reason)
            said = {"accepted": listing.card.name, "listing": listing.id}
            _say(said, f"{listing.card.name} is on the board as {listing.id}.", as_json)
        elif reject is not None:
            queued = queue.reject(reject, by or _user(), reason)
            _say({"rejected": queued.name, "id": queued.id}, f"{queued.name} is rejected.", as_json)
        elif add is not None:
            with console.stderr.status("Checking the submission …"):
                receipt = queue.receive(add, by or _user())
            found = {"id": receipt.id, "name": receipt.name, "report": receipt.report.lines}
            _say(found, f"{receipt.name} waits for a review as {receipt.id}.", as_json)
        elif show is not None:
            _show(queue.get(show), as_json)
        else:
            _list(queue.pending(), as_json)


@review_app.command(epilog="Example: tia2 leaderboard log")
def log(store: Store = STORE, as_json: AsJson = False) -> None:
    """Show who submitted, accepted and rejected what, and when."""
    from tia2 import console

    with _queue(store) as queue:
        lines = queue.log()
    if as_json:
        console.print_json([vars(line) for line in lines])
        return
    table = console.table("when", "who", "what", "submission", "note")
    for line in lines:
        cells = (line.at[:16].replace("T", " "), line.who, line.what, line.submission[:8], line.note)
        table.add_row(*map(console.plain, cells))
    console.stdout.print(table)


@review_app.command(epilog="Example: tia2 leaderboard backup leaderboard.tar.gz")
def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .tar.gz to write.")], store: Store = STORE
) -> None:
    """Keep the whole leaderboard in one file: score tables, listings, queue and log."""
    from tia2 import console

    made = import_module("tia2.leaderboard.submissions.backup")
    count = made.backup(_open(store), out)
    console.stdout.print(console.plain(f"Wrote {count:,} files to {out}"), soft_wrap=True)


@review_app.command(epilog="Example: tia2 leaderboard restore leaderboard.tar.gz runs/again")
def restore(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What `tia2 leaderboard backup` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is new or empty.")],
) -> None:
    """Make a leaderboard of a backup, whole or not at all."""
    from tia2 import console

    found = import_module("tia2.leaderboard.submissions.backup").restore(archive, folder)
    console.stdout.print(console.plain(f"{found.name} is in {folder}"), soft_wrap=True)


def _open(folder: Path) -> Any:
    return import_module("tia2.leaderboard.data.store").Store(folder)


def _queue(folder: Path) -> Any:
    return import_module("tia2.leaderboard.submissions.queue").Queue(_open(folder))


def _list(waiting: list[Any], as_json: bool) -> None:
    from tia2 import console

    if as_json:
        console.print_json([_facts(queued) for queued in waiting])
        return
    if not waiting:
        console.stdout.print("No submission waits for a review.")
        return
    table = console.table(
        "id", "received", "model", "benchmark", "submitter", "flags", "warnings", right=("flags", "warnings")
    )
    for queued in waiting:
        cells = (queued.id[:8], queued.received[:16].replace("T", " "), queued.name, queued.benchmark, queued.submitter)
        counts = (str(len(queued.report.flags)), str(len(queued.report.warnings)))
        table.add_row(*map(console.plain, cells), *counts)
    console.stdout.print(table)
    for queued in waiting:
        for line in queued.report.lines:
            console.stdout.print(console.plain(f"{queued.id[:8]} {line}"), soft_wrap=True)


def _show(queued: Any, as_json: bool) -> None:
    from tia2 import console

    facts = _facts(queued)
    if as_json:
        console.print_json(facts)
        return
    table = console.table("", "")
    for key, value in facts.items():
        if key != "report" and value not in (None, ""):
            table.add_row(key.replace("_", " "), console.plain(value))
    console.stdout.print(table)
    for line in queued.report.lines:
        console.stdout.print(console.plain(line), soft_wrap=True)


def _facts(queued: Any) -> dict[str, Any]:
    return {**vars(queued), "report": queued.report.model_dump()}


def _say(facts: dict[str, Any], sentence: str, as_json: bool) -> None:
    from tia2 import console

    if as_json:
        console.print_json(facts)
    else:
        console.stdout.print(console.plain(sentence), soft_wrap=True)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in some containers
        raise LeaderboardError("Your account has no name to put into the log: give one with --by.") from None
