"""Results of a crowd platform: votes of a study, kept beside those of its page, and who is paid."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import StudyError, on_one_line
from tia2.files import write_atomically
from tia2.people.conduct import RaterConduct, RejectionRules, conducts
from tia2.people.crowd.platforms import CrowdPlatform
from tia2.people.crowd.tasks import pair_tokens

if TYPE_CHECKING:
    import pandas as pd

    from tia2.people.store.study import Study

FOLDER = "crowd"
SIDES = ("left", "tie", "right")
FORMULA = ("=", "+", "@")
APPROVE, REJECT = "Approve", "Reject"


@dataclass(frozen=True)
class CrowdResults:
    """What a file of results holds.

    Attributes:
        platform: The platform.
        votes: Votes as `Study.votes` returns them, with the submission's id.
        rows: The file's rows.
        ignored: Number of submissions that were returned, rejected or ran out of time.
        blank: Number of pairs without an answer.
    """

    platform: CrowdPlatform
    votes: pd.DataFrame
    rows: list[dict[str, str]]
    ignored: int
    blank: int


def read_results(study: Study, path: Path, platform: CrowdPlatform) -> CrowdResults:
    """Return the votes in a file of results.

    Args:
        study: The study whose tasks were asked.
        path: The platform's CSV file.
        platform: The platform.

    Raises:
        StudyError: The file can't be read, lacks a column, or holds pairs of another study or answers that are none.
    """
    import pandas as pd

    rows = _rows(path, platform)
    pairs = pair_tokens(study)
    aspects = study.settings.question.aspects
    numbers = _numbers(rows[0], path, platform, aspects)
    votes: list[dict[str, Any]] = []
    ignored = blank = 0
    for line, row in enumerate(rows, start=2):
        if row[platform.status].strip().upper() not in platform.counted:
            ignored += 1
            continue
        if not row[platform.rater].strip():
            raise StudyError(f"{path}, row {line}: {platform.rater} is empty.")
        asked = [number for number in numbers if row[f"{platform.given}pair_{number}"].strip()]
        for number in asked:
            token = row[f"{platform.given}pair_{number}"].strip()
            if token not in pairs:
                raise StudyError(
                    f"{path}, row {line}: pair_{number} is none of this study: {on_one_line(token)!r:.40}."
                )
            answers = {aspect: row[f"{platform.answered}{aspect}_{number}"].strip().lower() for aspect in aspects}
            if not all(answers.values()):
                blank += 1
                continue
            for aspect, side in answers.items():
                if side not in SIDES:
                    name = f"{platform.answered}{aspect}_{number}"
                    raise StudyError(f"{path}, row {line}: {name} is {side!r:.40}; expected left, tie or right.")
            item, swapped = pairs[token]
            votes.append(
                {
                    "item": item.key,
                    "rater": f"{platform.name} {row[platform.rater].strip()}",
                    "slot": "item" if item.gold is None else "gold",
                    "position": number,
                    "swapped": swapped,
                    "seconds": _seconds(row, platform, len(asked)),
                    "at": float(line),
                    "undone": None,
                    **study.settings.question.from_sides(answers, swapped),
                    "submission": row[platform.submission].strip(),
                }
            )
    columns = ["item", "rater", "slot", "position", "swapped", "seconds", "at", "undone", *aspects, "submission"]
    frame = pd.DataFrame(votes, columns=columns)
    # Who finds a pair in two tasks is asked once: the first answer counts.
    frame = frame.drop_duplicates(["item", "rater"], ignore_index=True)
    return CrowdResults(platform, frame, rows, ignored, blank)


def keep_results(study: Study, results: CrowdResults) -> Path:
    """Keep votes of a crowd in a study's folder, where the verdict counts them; the same file twice counts once.

    Args:
        study: The study.
        results: The votes.

    Raises:
        StudyError: The folder can't be written to.
    """
    content = results.votes.to_json(orient="records", force_ascii=False)
    name = f"{results.platform.name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
    folder = study.folder / FOLDER
    folder.mkdir(exist_ok=True)
    write_atomically(folder / name, content.encode(), StudyError)
    return folder / name


def kept_votes(folder: Path) -> pd.DataFrame | None:
    """Return the votes of crowds that a study's folder keeps; None where there are none.

    Args:
        folder: The study's folder.

    Raises:
        StudyError: A file is damaged.
    """
    import pandas as pd

    frames = [pd.DataFrame(_kept(path)) for path in sorted((folder / FOLDER).glob("*.json"))]
    if not frames:
        return None
    # A later file of the same task holds what an earlier one held, and more.
    votes: pd.DataFrame = pd.concat(frames, ignore_index=True)
    first: pd.DataFrame = votes.drop_duplicates(["item", "rater"], keep="first", ignore_index=True)
    return first


def crowd_conducts(study: Study, results: CrowdResults) -> list[RaterConduct]:
    """Return how everybody of a crowd worked.

    Args:
        study: The study.
        results: The votes.
    """
    answers = {item.key: item.gold for item in study.items() if item.gold is not None}
    return conducts(results.votes, study.settings.question.aspects, answers)


def reviewed_rows(results: CrowdResults, conducts: list[RaterConduct], rules: RejectionRules) -> list[dict[str, str]]:
    """Return the rows of a file of results with who is paid: an x under Approve, or the reason under Reject.

    What the platform settled already, or what was returned, stays as it is.

    Args:
        results: The results.
        conducts: Conduct of everybody in them.
        rules: Rules of rejection, alike for all.
    """
    reasons = {conduct.rater: rules.reason(conduct) for conduct in conducts}
    reviewed = []
    for row in results.rows:
        rater = f"{results.platform.name} {row[results.platform.rater].strip()}"
        is_open = row[results.platform.status].strip().upper() in ("SUBMITTED", "AWAITING REVIEW")
        reason = reasons.get(rater, "")
        marks = {APPROVE: "" if reason else "x", REJECT: reason} if is_open else {APPROVE: "", REJECT: ""}
        reviewed.append({**row, **marks})
    return reviewed


def csv_text(rows: list[dict[str, str]]) -> str:
    """Return rows as CSV.

    Args:
        rows: The rows, all with the same columns.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]))
    writer.writeheader()
    for row in rows:
        # A prompt that begins like a formula would be one in a spreadsheet.
        writer.writerow({name: f"'{value}" if value.startswith(FORMULA) else value for name, value in row.items()})
    return buffer.getvalue()


def _kept(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} can't be read: {' '.join(str(error).split())}. Take the results again.") from None


def _rows(path: Path, platform: CrowdPlatform) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise StudyError(f"{path} can't be read as CSV: {' '.join(str(error).split())}.") from None
    names = reader.fieldnames or []
    for column in (platform.rater, platform.submission, platform.status):
        if column not in names:
            listed = ", ".join(on_one_line(str(name)) for name in names[:6]) or "nothing"
            raise StudyError(f"{path} is no file of {platform.name}: no column {column!r}; it begins with {listed}.")
    if not rows:
        raise StudyError(f"{path} holds no results.")
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise StudyError(f"{path}, row {line}: expected {len(names)} fields.")
    return rows


def _numbers(row: dict[str, str], path: Path, platform: CrowdPlatform, aspects: tuple[str, ...]) -> list[int]:
    """Return the numbers of a task's pairs, all of whose answers must have a column."""
    pattern = re.compile(rf"{re.escape(platform.given)}pair_(\d+)")
    numbers = sorted(int(match[1]) for name in row if (match := pattern.fullmatch(name)))
    if not numbers:
        raise StudyError(f"{path} has no column {platform.given}pair_1: it isn't of tasks that tia2 made.")
    for number in numbers:
        for aspect in aspects:
            column = f"{platform.answered}{aspect}_{number}"
            if column not in row:
                raise StudyError(f"{path} has no column {column}: the page must ask for it by that name.")
    return numbers


def _seconds(row: dict[str, str], platform: CrowdPlatform, pairs: int) -> float | None:
    try:
        return float(row.get(platform.seconds, "")) / max(pairs, 1)
    except ValueError:
        return None
