"""Votes as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from tia2.people.store.database import VotesFile
    from tia2.people.store.question import StudyQuestion

COLUMNS = ("item", "rater", "slot", "position", "swapped", "seconds", "at", "undone")
"""Columns beside those of the aspects."""


def votes_frame(file: VotesFile, question: StudyQuestion, everything: bool = False) -> pd.DataFrame:
    """Return a study's votes, one row each, in order of arrival.

    Args:
        file: The study's votes.
        question: Its question.
        everything: Whether to return undone votes, too.
    """
    import pandas as pd

    rows = file.rows(
        "SELECT i.key, r.name, a.slot, a.position, a.swapped, v.seconds, v.at, v.undone, v.answer FROM votes v "
        "JOIN assignments a ON a.id = v.assignment JOIN items i ON i.number = a.item "
        f"JOIN raters r ON r.number = a.rater {'' if everything else 'WHERE v.undone IS NULL'} ORDER BY v.number"
    )
    answers = [json.loads(row[8]) for row in rows]
    columns: dict[str, list[Any]] = {name: [row[number] for row in rows] for number, name in enumerate(COLUMNS)}
    columns["swapped"] = [bool(swapped) for swapped in columns["swapped"]]
    if question.kind == "elements":
        columns["answer"] = answers
    else:
        columns |= {aspect: [answer[aspect] for answer in answers] for aspect in question.aspects}
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame
