"""A study in which everybody has voted on everything, at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study


def voted_study(folder: Path, items: int = 5000, raters: int = 3) -> Study:
    """Return the study, open."""
    question = {"kind": "contrast", "aspects": ["different"]}
    settings = StudySettings(name="large", question=question, gold_share=0, repeat_share=0)
    listed = [NewItem(str(number), "a text", texts=("another",)) for number in range(items)]
    study = Study.create(folder, settings, listed, durable=False)
    rng = np.random.default_rng(0)
    for rater in [study.add_rater(f"rater {number}") for number in range(raters)]:
        while given := study.queue(rater, 500).assignments:
            # Written at once: each through the store, as raters do, would take half a minute.
            answers = np.where(rng.random(len(given)) < 0.5, '{"different": "yes"}', '{"different": "no"}').tolist()
            rows = [(each.id, each.id, answer, 2.0, 0.0) for each, answer in zip(given, answers, strict=True)]
            with study.file.writing() as connection:
                connection.executemany(
                    "INSERT INTO votes (id, assignment, answer, seconds, at) VALUES (?, ?, ?, ?, ?)", rows
                )
                connection.executemany("UPDATE assignments SET voted = 1 WHERE id = ?", [row[:1] for row in rows])
    return study
