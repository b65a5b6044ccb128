"""All checks of a submission, in order: the same at home, on the server, and again when it is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...data.index import Index
from ...data.records import BenchmarkRecord, Listing
from ...data.store import Store, slug, table_digest
from ..limits import LIMITS, Limits
from ..package import Submission
from ..run_package import is_run_submission
from . import checks
from .archive import unpacked
from .names import collision
from .report import RefusedError, SubmissionReport
from .runs import ValidatedRun, validate_run
from .suspicion import Suspicion
from .suspicion import suspicion as look
from .texts import quote
from .trust import trusted
from .unpacked import read_submission, read_tables

if TYPE_CHECKING:
    from tia2.scoring import ScoreTable


@dataclass(frozen=True)
class Validated:
    """A submission without problems.

    Attributes:
        submission: Declared facts.
        benchmark: Record of the benchmark.
        tables: Its rewards, with the store's items, votes and texts.
        report: Warnings, and flags for a person.
    """

    submission: Submission
    benchmark: BenchmarkRecord
    tables: tuple[ScoreTable, ...]
    report: SubmissionReport

    @property
    def digests(self) -> list[str]:
        """The digests under which the store keeps the tables."""
        return [table_digest(table) for table in self.tables]

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.submission.card.name

    @property
    def slug(self) -> str:
        """Id on the board, once accepted."""
        return slug(self.name)

    @property
    def benchmark_name(self) -> str:
        """Name of the benchmark that it is measured on."""
        return self.benchmark.name

    def put(self, store: Store, added: str, added_by: str, replaces: str | None = None) -> Listing:
        """Put the model on the board; one that is there already, from an acceptance that was cut short, stays.

        Args:
            store: The store.
            added: When, UTC.
            added_by: Who accepts it.
            replaces: Id of the listing that this is a new version of.

        Raises:
            RefusedError: Its name was taken meanwhile.
            LeaderboardError: The store can't be written to.
        """
        listing = self.listing(added, added_by, replaces)
        same = (other for other in store.listings if other.id == listing.id)
        cut_short = any((other.card, other.tables) == (listing.card, listing.tables) for other in same)
        problems = name_collisions(store, self.name, listing.id if cut_short or replaces else None)
        if problems:
            raise RefusedError(problems)
        for table in self.tables:
            store.add_table(table)
        store.add_listing(listing)
        return listing

    def listing(self, added: str, added_by: str, replaces: str | None = None) -> Listing:
        """Return what the board lists once it is accepted."""
        return Listing(
            id=replaces or slug(self.submission.card.name),
            benchmark=self.benchmark.name,
            card=self.submission.card,
            tables=self.digests,
            calibrations=self.submission.calibrations,
            added=added,
            added_by=added_by,
        )


def validate(
    path: Path,
    store: Store,
    *,
    limits: Limits = LIMITS,
    suspicion: bool = True,
    waiting: Sequence[str] = (),
    except_for: str | None = None,
) -> Validated:
    """Check a submission against a store.

    Args:
        path: The zip.
        store: The store, whose own copy of the benchmark decides.
        limits: Limits of its size.
        suspicion: Whether to look for copies and for agreement beyond the noise ceiling.
        waiting: Names of submissions that wait for a review.
        except_for: Id of a listing whose name is no collision.

    Returns:
        The submission, ready to be listed.

    Raises:
        RefusedError: Something is wrong; the sentences say what.

    Example:
        >>> validate(Path("mine.zip"), Store("runs/leaderboard")).report.lines  # doctest: +SKIP
        ['warning: The training data is unknown; the board says so.']
    """
    with unpacked(path, limits) as folder:
        submission = read_submission(folder)
        record = _benchmark(store, submission)
        card = submission.card
        problems = checks.card_problems(card) or name_collisions(store, card.name, except_for)
        if problems:
            raise RefusedError(problems)
        items = store.items(record)
        submitted = read_tables(folder, submission, items, record)
    names = [f"tables/{number}" if len(submitted) > 1 else "The score table" for number in range(len(submitted))]
    for what, table in zip(names, submitted, strict=True):
        problems += checks.table_problems(what, table, items, record)
    if problems:
        raise RefusedError(problems)
    tables = [trusted(table, items, record) for table in submitted]
    submitted.clear()  # texts by the million
    apart = checks.ensemble_problem(tables)
    if apart:
        raise RefusedError([apart])
    values, problems, notes = checks.calibrated(tables, submission.calibrations)
    if problems:
        raise RefusedError(problems)
    warnings = [
        *checks.card_warnings(card),
        *(
            text
            for what, table in zip(names, tables, strict=True)
            for text in checks.table_warnings(what, table, record)
        ),
        *notes,
    ]
    same = collision(card.name, waiting, "waiting for a review")
    looked_at = look(Index(store), record, items, tables, values, except_for) if suspicion else Suspicion()
    flags = [*([same] if same else []), *looked_at.flags]
    report = SubmissionReport(warnings=warnings, flags=flags, figures=looked_at.figures)
    return Validated(submission, record, tuple(tables), report)


def check_submission(
    path: Path,
    store: Store,
    *,
    limits: Limits = LIMITS,
    suspicion: bool = True,
    waiting: Sequence[str] = (),
    accepting: str | None = None,
) -> Validated | ValidatedRun:
    """Check a submission of any kind against a store: score tables, or a fine-tuning run.

    Args:
        path: The zip.
        store: The store.
        limits: Limits of its size.
        suspicion: Whether to look for what a person should see.
        waiting: Names of submissions that wait for a review.
        accepting: Id on the board where an acceptance of it may have been cut short.

    Raises:
        RefusedError: Something is wrong; the sentences say what.
    """
    with unpacked(path, limits) as folder:
        is_run = is_run_submission(folder)
    if is_run:
        return validate_run(path, store, limits=limits, suspicion=suspicion, again=accepting is not None)
    return validate(path, store, limits=limits, suspicion=suspicion, waiting=waiting, except_for=accepting)


def name_collisions(store: Store, name: str, except_for: str | None = None) -> list[str]:
    """Return a sentence if a name, or its address, is taken on the board or can be mistaken for one that is.

    Args:
        store: The store.
        name: The name.
        except_for: Id of a listing whose name is no collision.
    """
    listings = [listing for listing in store.listings if listing.id != except_for]
    taken = [
        *(listing.card.name for listing in listings),
        *(listing.id for listing in listings),
        *(entry for listing in listings for entry in listing.entry_names),
        *store.published,
    ]
    problem = collision(name, taken)
    return [problem] if problem else []


def find_benchmark(store: Store, table: ScoreTable) -> BenchmarkRecord | None:
    """Return the store's benchmark that a score table is on, in whole or in part; None if there is none.

    Args:
        store: The store.
        table: The score table.
    """
    manifest = table.manifest.benchmark
    for record in store.benchmarks:
        if record.fingerprint == manifest.fingerprint:
            return record
    named = [record for record in store.benchmarks if record.name == manifest.name]
    others = [record for record in store.benchmarks if record not in named]
    ids = set(table.items["item_id"])
    whole = (record for record in [*named, *others] if ids <= set(store.items(record)["item_id"]))
    return next(whole, named[0] if named else None)


def _benchmark(store: Store, submission: Submission) -> BenchmarkRecord:
    records = {record.name: record for record in store.benchmarks}
    if submission.benchmark not in records:
        raise RefusedError(
            [
                f"The leaderboard has no benchmark {quote(submission.benchmark)}; it has "
                f"{', '.join(sorted(records)) or 'none yet'}."
            ]
        )
    return records[submission.benchmark]
