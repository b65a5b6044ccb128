"""Questions by prompt, from TIFA's and DSG's files, a column of a table, or a mapping."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.benchmark.questions.rules import YES_NO, ImageQuestion, checked_questions
from tia2.benchmark.reading.tables import frame_of
from tia2.errors import BenchmarkError
from tia2.files import json_of

if TYPE_CHECKING:
    import pandas as pd

QuestionSets = dict[str, tuple[ImageQuestion, ...]]

DSG_COLUMNS = {"text", "proposition_id", "dependency", "question_natural_language"}
TIFA_COLUMNS = {"caption", "question", "choices", "answer"}


def question_sets(source: Any) -> QuestionSets:
    """Read the questions of every prompt.

    Args:
        source: A mapping from prompts to lists of questions, each a text, a mapping or an `ImageQuestion`; or a table,
            as frame, rows or path (.csv, .tsv, .json, .jsonl, .parquet), with one of these sets of columns: TIFA's
            (caption, question, choices, answer), DSG's (text, proposition_id, dependency, question_natural_language),
            prompt and questions (a list per prompt), or prompt and question (one row per question). A question's own
            fields are question, and if wanted id, answer ("yes"), choices (yes and no) and depends_on.

    Returns:
        Questions by prompt.

    Raises:
        BenchmarkError: The file can't be read, or holds no questions.

    Example:
        >>> sets = question_sets({"a red cat": ["Is there a cat?", {"question": "Is it red?", "depends_on": [1]}]})
        >>> sets["a red cat"][1].parents
        ('1',)
    """
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == ".json":
        source = _json(Path(source))
    if isinstance(source, Mapping):
        rows = {str(prompt): _as_list(questions, prompt) for prompt, questions in source.items()}
        return {prompt: _numbered(listed, prompt) for prompt, listed in rows.items()}
    frame = frame_of(source, "the questions")
    names = set(frame.columns)
    if names >= DSG_COLUMNS:
        return dsg_questions(frame, "text")
    if names >= TIFA_COLUMNS:
        return _grouped(frame, "caption")
    if {"prompt", "questions"} <= names:
        listed = dict(zip(frame["prompt"], frame["questions"], strict=True))
        return {
            str(prompt): _numbered(_as_list(questions, prompt), str(prompt)) for prompt, questions in listed.items()
        }
    if {"prompt", "question"} <= names:
        return _grouped(frame, "prompt")
    raise BenchmarkError(
        f"The questions have the columns {', '.join(sorted(map(str, names)))}; expected prompt and questions, prompt "
        "and question, TIFA's (caption, question, choices, answer) or DSG's (text, proposition_id, dependency, "
        "question_natural_language)."
    )


def dsg_questions(frame: pd.DataFrame, by: str) -> QuestionSets:
    """Return DSG's questions, all of them to be answered with yes.

    A prompt of which one dependency can't be read, or names no question, has none, as in DSG's own code; a warning
    counts these. A question that depends on itself, as some do there, depends on nothing more for that.

    Args:
        frame: Table in DSG's layout.
        by: Column that names the prompts: "text" or "item_id".
    """
    sets: QuestionSets = {}
    unread = []
    for prompt, rows in frame.groupby(by, sort=False):
        keys = [str(int(key)) for key in rows["proposition_id"]]
        try:
            parents = [
                tuple(str(int(part)) for part in str(given).split(",") if str(int(part)) not in ("0", key))
                for key, given in zip(keys, rows["dependency"], strict=True)
            ]
            if not {parent for above in parents for parent in above} <= set(keys):
                raise ValueError("a dependency on a question that isn't there")
        except ValueError:
            parents = [()] * len(keys)
            unread.append(str(prompt))
        # A repeated row asks the same again; of a text that several items share, each counts once.
        listed = {
            key: ImageQuestion(key, str(text), parents=above)
            for key, text, above in zip(keys, rows["question_natural_language"], parents, strict=True)
        }
        sets[str(prompt)] = checked_questions(list(listed.values()), str(prompt))
    if unread:
        warnings.warn(
            f"Of {len(unread)} prompts the dependencies can't be read and are left out: {unread[0]!r}.", stacklevel=3
        )
    return sets


def _grouped(frame: pd.DataFrame, by: str) -> QuestionSets:
    sets: dict[str, list[Any]] = {}
    for row in frame.to_dict("records"):
        if by == "caption":  # TIFA's id is that of the prompt
            row.pop("id", None)
        sets.setdefault(str(row[by]), []).append({key: value for key, value in row.items() if not _absent(value)})
    return {prompt: _numbered(rows, prompt) for prompt, rows in sets.items()}


def _numbered(questions: Iterable[Any], prompt: str) -> tuple[ImageQuestion, ...]:
    return checked_questions([_question(entry, number, prompt) for number, entry in enumerate(questions, 1)], prompt)


def _question(entry: Any, number: int, prompt: str) -> ImageQuestion:
    if isinstance(entry, ImageQuestion):
        return entry
    if isinstance(entry, str):
        return ImageQuestion(str(number), entry)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("question"), str):
        raise BenchmarkError(
            f"Question {number} of {prompt!r} is {entry!r}; expected a text, or a mapping with question."
        )
    return ImageQuestion(
        key=str(entry.get("id", number)),
        text=entry["question"],
        answer=str(entry.get("answer", YES_NO[0])),
        choices=_listed(entry.get("choices")) or YES_NO,
        parents=tuple(part for part in _listed(entry.get("depends_on")) if part != "0"),
    )


def _listed(value: Any) -> tuple[str, ...]:
    """Return a list as texts; from a cell of a table as JSON or with commas."""
    if value is None or _absent(value):
        return ()
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            return tuple(map(str, json.loads(value.replace("'", '"')))) if value.strip() != "[]" else ()
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, Iterable):
        return tuple(map(str, value))
    return (str(value),)


def _as_list(questions: Any, prompt: Any) -> list[Any]:
    if isinstance(questions, str):
        try:
            questions = json_of(questions)
        except ValueError:
            questions = None
    if questions is None or isinstance(questions, Mapping) or not isinstance(questions, Iterable):
        raise BenchmarkError(f"The questions of {prompt!r} are no list.")
    return list(questions)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _json(path: Path) -> Any:
    try:
        return json_of(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"The questions in {path} can't be read: {' '.join(str(error).split())}") from None
