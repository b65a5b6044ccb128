"""Review submissions, read the log, back up and restore a leaderboard, as parts of `tia2 leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import LeaderboardError, UsageError

from ._options import DEFAULT_STORE, account_name

if TYPE_CHECKING:
    from ..submissions.database import Queued
    from ..submissions.queue import Queue

review_app = typer.Typer(no_args_is_help=True)

STORE = Path(DEFAULT_STORE)
StoreFolder = Annotated[Path, typer.Option(help="The leaderboard's folder.")]
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
    reason: Annotated[str, typer.Option(help="Reason of the decision; with --accept a note for the log.")] = "",
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="The reviewer's name. Default: your account's.")
    ] = None,
    store: StoreFolder = STORE,
    as_json: AsJson = False,
) -> None:
    """List the submissions that wait; accept or reject one.

    An id's first digits are enough. Who decided what, when and why stays in the log.
    """
    from tia2 import console

    actions = [action for action in (accept, reject, show, add) if action is not None]
    if len(actions) > 1:
        raise UsageError(f"Expected one of --accept, --reject, --show and --add, got {len(actions)}.")
    if reason and accept is None and reject is None:
        raise UsageError("--reason belongs to --accept or --reject.")
    with _queue(store) as queue, console.warnings_as_lines():
        if accept is not None:
            with console.stderr.status("Checking the submission …"):
                accepted = queue.accept(accept, by or _reviewer(), reason)
                name = queue.get(accept).name
            facts = {"accepted": name, "listing": accepted.id}
            _report(facts, f"{name} is on the board as {accepted.id}.", as_json)
        elif reject is not None:
            queued = queue.reject(reject, by or _reviewer(), reason)
            _report({"rejected": queued.name, "id": queued.id}, f"{queued.name} is rejected.", as_json)
        elif add is not None:
            with console.stderr.status("Checking the submission …"):
                receipt = queue.receive(add, by or _reviewer())
            received = {"id": receipt.id, "name": receipt.name, "report": receipt.report.lines}
            _report(received, f"{receipt.name} waits for a review as {receipt.id}.", as_json)
        elif show is not None:
            _show(queue.get(show), as_json)
        else:
            _list(queue.pending(), as_json)


@review_app.command(epilog="Example: tia2 leaderboard log")
def log(store: StoreFolder = STORE, as_json: AsJson = False) -> None:
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
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .tar.gz to write.")], store: StoreFolder = STORE
) -> None:
    """Keep the whole leaderboard in one file: score tables, listings, queue and log."""
    from tia2 import console

    from ..data.store import Store
    from ..submissions.backup import backup as write_backup

    count = write_backup(Store(store), out)
    console.stdout.print(console.plain(f"Wrote {count:,} files to {out}"), soft_wrap=True)


@review_app.command(epilog="Example: tia2 leaderboard restore leaderboard.tar.gz runs/again")
def restore(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="The file that `tia2 leaderboard backup` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is new or empty.")],
) -> None:
    """Restore a leaderboard from a backup, whole or not at all."""
    from tia2 import console

    from ..submissions.backup import restore as read_backup

    store = read_backup(archive, folder)
    console.stdout.print(console.plain(f"{store.name} is in {folder}"), soft_wrap=True)


def _queue(folder: Path) -> Queue:
    from ..data.store import Store
    from ..submissions.queue import Queue

    return Queue(Store(folder))


def _list(waiting: list[Queued], as_json: bool) -> None:
    from tia2 import console

    if as_json:
        console.print_json([_facts(queued) for queued in waiting])
        return
    if not waiting:
        console.stdout.print("No submission waits for a review.")
        return
    table = console.table(
        "id", "received", "name", "benchmark", "submitter", "flags", "warnings", right=("flags", "warnings")
    )
    for queued in waiting:
        cells = (queued.id[:8], queued.received[:16].replace("T", " "), queued.name, queued.benchmark, queued.submitter)
        counts = (str(len(queued.report.flags)), str(len(queued.report.warnings)))
        table.add_row(*map(console.plain, cells), *counts)
    console.stdout.print(table)
    for queued in waiting:
        for line in queued.report.lines:
            console.stdout.print(console.plain(f"{queued.id[:8]} {line}"), soft_wrap=True)


def _show(queued: Queued, as_json: bool) -> None:
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


def _facts(queued: Queued) -> dict[str, Any]:
    return {**vars(queued), "report": queued.report.model_dump()}


def _report(facts: dict[str, Any], sentence: str, as_json: bool) -> None:
    from tia2 import console

    if as_json:
        console.print_json(facts)
    else:
        console.stdout.print(console.plain(sentence), soft_wrap=True)


def _reviewer() -> str:
    name = account_name()
    if not name:
        raise LeaderboardError("Your account has no name to put into the log: give one with --by.")
    return name
