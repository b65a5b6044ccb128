"""Review submissions, remove entries, read the log, back up and restore a board: parts of `tia2 leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tia2.errors import LeaderboardError, UsageError

from ._options import DEFAULT_STORE, account_name

if TYPE_CHECKING:
    from ..submissions.database import Queued
    from ..submissions.queue import Queue
    from ..submissions.reviewing.preview import Preview

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
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="File for all of --show as a page, for reviewers only."),
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
    if page is not None and show is None:
        raise UsageError("--page belongs to --show.")
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
            _show(queue, show, page, as_json)
        else:
            _list(queue.pending(), as_json)


@review_app.command(epilog='Example: tia2 leaderboard remove clip-copy --reason "A copy of clip."')
def remove(
    entry: Annotated[str, typer.Argument(metavar="ID", help="A model, published result or fine-tuning run.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the log.")],
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="The reviewer's name. Default: your account's.")
    ] = None,
    store: StoreFolder = STORE,
) -> None:
    """Take a model, a published result or a fine-tuning run off the board; score tables stay in the store."""
    from tia2 import console

    with _queue(store) as queue:
        queue.remove(entry, by or _reviewer(), reason)
    console.stdout.print(console.plain(f"{entry} is off the board."), soft_wrap=True)


@review_app.command(epilog="Example: tia2 leaderboard status 3f2a91c0d4e5f60718293a4b5c6d7e8f")
def status(
    submission: Annotated[str, typer.Argument(metavar="ID", help="A submission's id, in full, or its receipt.")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take it back; needs the receipt.")] = False,
    store: StoreFolder = STORE,
    as_json: AsJson = False,
) -> None:
    """Show what became of a submission, as anybody may know who has its id; or withdraw it."""
    from tia2 import console

    name, _, key = submission.partition(".")
    with _queue(store) as queue:
        state = queue.withdraw(name, key) if withdraw else queue.status(name)
    if as_json:
        console.print_json(vars(state))
    else:
        console.stdout.print(console.plain(state.sentence), soft_wrap=True)


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
        for line in queued.report.reviewer_lines:
            console.stdout.print(console.plain(f"{queued.id[:8]} {line}"), soft_wrap=True)


def _show(queue: Queue, submission: str, page: Path | None, as_json: bool) -> None:
    from dataclasses import asdict

    from tia2 import console
    from tia2.files import check_writable, write_atomically

    from ..submissions.reviewing.preview import preview

    if page is not None:
        check_writable(page, LeaderboardError)
    with console.stderr.status("Computing the board as it would be …"):
        seen = preview(queue, submission)
    if page is not None:
        from ..exports.review import review_page

        write_atomically(page, review_page(seen).encode(), LeaderboardError)
        console.stderr.print("Wrote ", console.plain(page), sep="", soft_wrap=True)
    facts = _facts(seen.queued)
    if as_json:
        board = {"scope": seen.scope, "rows": [asdict(row) for row in seen.rows]}
        console.print_json({**facts, "card": dict(seen.declared), "figures": seen.figures, "board": board})
        return
    table = console.table("", "")
    for key, value in [*facts.items(), *seen.declared.items()]:
        if key != "report" and value not in (None, ""):
            table.add_row(key.replace("_", " "), console.plain(value))
    console.stdout.print(table)
    for line in seen.queued.report.reviewer_lines:
        console.stdout.print(console.plain(line), soft_wrap=True)
    _show_board(seen)


def _show_board(seen: Preview) -> None:
    from tia2 import console

    if not seen.rows:
        return
    console.stdout.print(console.plain(f"\nThe board as it would be: {seen.scope}, by AUROC"), soft_wrap=True)
    table = console.table("rank", "today", "ranks", "entry", "AUROC", right=("rank", "today"))
    for row in seen.rows:
        interval = f"{row.low}–{row.high}" if row.rank else "—"
        figure = f"{row.mean:.3f} [{row.mean_low:.3f}, {row.mean_high:.3f}]"
        name = f"{row.name}{' (new)' if row.new else ''}"
        cells = (str(row.rank or "—"), str(row.before or "—"), interval, name, figure)
        table.add_row(*map(console.plain, cells))
    console.stdout.print(table)


def _facts(queued: Queued) -> dict[str, Any]:
    facts = {name: value for name, value in vars(queued).items() if name != "key_sha256"}
    return {**facts, "report": queued.report.model_dump()}


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
