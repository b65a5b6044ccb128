"""Scores of TIFA160 from the answers that DSG's authors published, by DSG's rule."""

from __future__ import annotations

import warnings
from pathlib import Path

from tia2.benchmark.published.parts import PublishedScores
from tia2.benchmark.questions.rules import combine, find_rule, right_answers
from tia2.benchmark.questions.sets import dsg_questions
from tia2.benchmark.reading.tables import frame_of

QUESTIONS = "dsg-1k-anns.csv"
ANSWERS = {"mplug_dsg.csv": "DSG mPLUG", "pali17b_dsg.csv": "DSG PaLI-17B", "instructblip_dsg.csv": "DSG InstructBLIP"}
"""Files of answers, and the names of the scores."""

NOTE = (
    "Computed by tia2 from the answers published in j-min/DSG, by DSG's rule (`dsg`); items without answers "
    "(tifa160_134) count 0, as in the authors' code."
)


def dsg_scores(folder: Path, item_ids: dict[tuple[str, str], str]) -> list[PublishedScores]:
    """Compute DSG's scores from published answers.

    Args:
        folder: Folder with the questions and with files of answers; without them there are no scores.
        item_ids: Id of the benchmark's item for each generator and item id of DSG.

    Raises:
        BenchmarkError: A file can't be read.
    """
    if not (folder / QUESTIONS).is_file():
        return []
    frame = frame_of(folder / QUESTIONS, "the questions")
    wanted = {item for _, item in item_ids}
    with warnings.catch_warnings():
        # Of one prompt a dependency is unreadable upstream; its authors' code leaves that prompt's out, too.
        warnings.simplefilter("ignore", UserWarning)
        questions = dsg_questions(frame[frame["item_id"].isin(wanted)], "item_id")
    scores = []
    for name, title in ANSWERS.items():
        if not (folder / name).is_file():
            continue
        answers: dict[tuple[str, str], dict[str, str]] = {}
        for row in frame_of(folder / name, "the answers").to_dict("records"):
            # An empty cell is no answer; of a question asked twice the last answer counts, as upstream.
            answers.setdefault((row["t2i_model"], row["item_id"]), {})[str(row["question_id"])] = str(row["answer"])
        rewards = {
            item_id: combine(listed, right_answers(listed, answers[key]), find_rule("dsg"))
            if (listed := questions.get(key[1])) and key in answers
            else 0.0
            for key, item_id in item_ids.items()
        }
        scores.append(PublishedScores(title, rewards, NOTE))
    return scores
