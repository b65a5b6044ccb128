"""All checks of a submitted fine-tuning run: its files, then everything that can be computed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tia2.errors import Tia2Error
from tia2.files import explain

from ...data.store import Store, slug
from ...finetuned.files import FILE, StoredRun, digest_of, run_id, sha256, without_path
from ...finetuned.finetuning import RunFolder
from ...finetuned.identity import EntryIdentity
from ...finetuned.recheck import PROXY, RecheckedRun, recheck
from ..limits import LIMITS, Limits
from ..run_package import FOLDER, RunSubmission
from .archive import unpacked
from .isolated import check_files
from .parquet import ANY_ROWS, Wanted
from .report import RefusedError, SubmissionReport
from .texts import address_problem, quote, text_problem

EVALUATION = "evaluation"
LONGEST_TEXT = 4000


@dataclass(frozen=True)
class ValidatedRun:
    """A submitted run without problems.

    Attributes:
        submission: Declared facts.
        path: The zip, which the run is taken from when it is accepted.
        checked: Result of recomputing it.
        report: Warnings, what was recomputed, and flags for a person.
        limits: Limits of its size.
    """

    submission: RunSubmission
    path: Path
    checked: RecheckedRun
    report: SubmissionReport
    limits: Limits

    @property
    def name(self) -> str:
        """The title that reviewers see."""
        return self.submission.title

    @property
    def slug(self) -> str:
        """Id of the run on the board, once accepted."""
        report = self.checked.report
        name = report.judges[PROXY] if report is not None else "run"
        return run_id(slug(name), digest_of(self.submission.files))

    @property
    def benchmark_name(self) -> str:
        """Where its prompts are from, for lists."""
        report = self.checked.report
        prompts = report.settings["prompts"] if report is not None else {}
        return f"run on {prompts.get('benchmark') or 'prompts of its own'}"

    def put(self, store: Store, added: str, added_by: str, replaces: str | None = None) -> StoredRun:
        """Put the run on the board.

        Args:
            store: The store.
            added: When, UTC; the store's clock decides.
            added_by: Who accepts it.
            replaces: Nothing: runs replace none.

        Raises:
            RefusedError: The zip isn't what was checked.
            LeaderboardError: The store can't be written to.
        """
        del added, replaces
        with unpacked(self.path, self.limits) as folder:
            _read(folder)
            return store.add_run(folder / FOLDER, added_by)


def validate_run(
    path: Path, store: Store, *, limits: Limits = LIMITS, suspicion: bool = True, again: bool = False
) -> ValidatedRun:
    """Check a submitted run: files and digests, settings, journal against evaluations, images, and scores.

    Args:
        path: The zip.
        store: The store.
        limits: Limits of its size.
        suspicion: Whether to look for what a person should see.
        again: Whether the run may be on the board already, from an acceptance that was cut short.

    Returns:
        The run, ready to be put on the board.

    Raises:
        RefusedError: Something is wrong; the sentences say what.
    """
    with unpacked(path, limits) as folder:
        submission = _read(folder)
        run = RunFolder(folder / FOLDER)
        _check_settings(run)
        _check_evaluations(folder, submission, run, limits)
        checked = recheck(run)
    if checked.problems or checked.report is None:
        raise RefusedError(checked.problems or ["The run's report can't be computed."])
    digest = digest_of(submission.files)
    present = [other for other in store.runs if other.record.digest == digest]
    if present and not again:
        raise RefusedError([f"This very run is on the board already, as {present[0].id}."])
    flags = _flags(store, submission, checked) if suspicion else []
    return ValidatedRun(
        submission, path, checked, SubmissionReport(warnings=_warnings(submission, checked), flags=flags), limits
    )


def _read(folder: Path) -> RunSubmission:
    """Read submission.json, and compare the files with it."""
    try:
        submission = RunSubmission.model_validate_json((folder / "submission.json").read_bytes())
    except ValidationError as error:
        raise RefusedError([f"submission.json doesn't fit: {explain(error)}."]) from None
    problems = [
        text_problem("The title", submission.title, lines=False),
        text_problem("The description", submission.description),
        address_problem("The contact", submission.contact),
    ]
    if any(problems):
        raise RefusedError([problem for problem in problems if problem])
    root = folder / FOLDER
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"submission.json"}
    listed = {f"{FOLDER}/{name}" for name in submission.files}
    if not all(map(FILE.fullmatch, submission.files)) or there != listed:
        odd = sorted(there ^ listed)
        raise RefusedError(
            [f"The files aren't those that submission.json lists, the first is {quote(odd[0] if odd else 'none')}."]
        )
    for name, digest in submission.files.items():
        if sha256(root / name) != digest:
            raise RefusedError([f"{quote(name)} isn't the file that submission.json has the digest of."])
    return submission


def _check_settings(run: RunFolder) -> None:
    try:
        facts = run.facts()
        run.settings()
    except (Tia2Error, KeyError, TypeError, RecursionError) as error:
        reason = without_path(str(error), run.path)
        raise RefusedError([f"run.json holds no settings of a run: {quote(reason)}."]) from None
    judges = facts.get("judges")
    listed = [*judges, *judges.values()] if isinstance(judges, dict) else []
    names = [name for name in listed if isinstance(name, str) and len(name) <= LONGEST_TEXT]
    if not names or len(names) < len(listed):
        raise RefusedError(["run.json names no judges."])
    for name in names:
        problem = text_problem("A judge's name", name, lines=False)
        if problem:
            raise RefusedError([problem])


def _check_evaluations(folder: Path, submission: RunSubmission, run: RunFolder, limits: Limits) -> None:
    """Check the Parquet files apart from this process, before anything reads them."""
    numbers = tuple(run.facts()["judges"])
    check_files(
        [
            Wanted(str(folder / FOLDER / name), name, EVALUATION, ANY_ROWS, limits.unpacked, 1, numbers)
            for name in sorted(submission.files)
            if name.endswith(".parquet")
        ]
    )


def _warnings(submission: RunSubmission, checked: RecheckedRun) -> list[str]:
    report = checked.report
    if report is None:
        return []
    names = report.judges
    kept = [names[role] for role in names if role not in checked.recomputed]
    again = [names[role] for role in names if role in checked.recomputed]
    section = report.settings.get(report.settings["method"]) or {}
    planned = section.get("epochs", report.epochs[-1])
    return [
        f"Recomputed from the kept scores: {report.verdict}",
        *([f"Recomputed from the kept images, and equal: the scores of {', '.join(again)}."] if again else []),
        *([f"Not recomputed here, as the run kept them: the scores of {', '.join(kept)}."] if kept else []),
        "The KL divergence can't be recomputed without the weights: it is as the run logged it.",
        *([f"The run has {report.epochs[-1]} of {planned} epochs."] if report.epochs[-1] < planned else []),
        *(["There is no contact address, so nobody can ask about the run."] if not submission.contact else []),
    ]


def _flags(store: Store, submission: RunSubmission, checked: RecheckedRun) -> list[str]:
    flags = []
    evaluations = {digest for name, digest in submission.files.items() if not name.endswith("epoch_00000.parquet")}
    for run in store.runs:
        shared = evaluations & {digest for name, digest in run.record.files.items() if name.endswith(".parquet")}
        if shared:
            flags.append(f"{len(shared)} of its evaluations are those of the run {run.id} on the board.")
    identity = checked.identities.get(PROXY)
    if identity is None or identity not in _board_identities(store):
        flags.append("Its proxy is no entry of the board, by the digests of its reward models and its calibration.")
    return flags


def _board_identities(store: Store) -> set[EntryIdentity]:
    from ...data.index import Index

    index = Index(store)
    return {
        EntryIdentity.of(map(index.fingerprint, listing.tables), calibration)
        for listing in store.listings
        for calibration in listing.calibrations
    }
