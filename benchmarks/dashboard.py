"""How long the owner's dashboard of a study takes: 5,000 items with three votes each.

    python benchmarks/dashboard.py

Prints the best of five runs in milliseconds of processor time; the aim is 300.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from tia2.people.quality import state_of
from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study

ITEMS, RATERS, RUNS = 5000, 3, 5


def voted(folder: Path) -> Study:
    """Return a study in which everybody has voted on everything, at random."""
    question = {"kind": "contrast", "aspects": ["different"]}
    settings = StudySettings(name="large", question=question, gold_share=0, repeat_share=0)
    study = Study.create(
        folder, settings, [NewItem(str(number), "a text", texts=("another",)) for number in range(ITEMS)], durable=False
    )
    rng = np.random.default_rng(0)
    for rater in [study.add_rater(f"rater {number}") for number in range(RATERS)]:
        while given := study.queue(rater, 500).assignments:
            answers = np.where(rng.random(len(given)) < 0.5, '{"different": "yes"}', '{"different": "no"}').tolist()
            rows = [(each.id, each.id, answer, 2.0, 0.0) for each, answer in zip(given, answers, strict=True)]
            with study.file.writing() as connection:
                connection.executemany(
                    "INSERT INTO votes (id, assignment, answer, seconds, at) VALUES (?, ?, ?, ?, ?)", rows
                )
                connection.executemany("UPDATE assignments SET voted = 1 WHERE id = ?", [row[:1] for row in rows])
    return study


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        large = voted(Path(work) / "study")
        times = []
        for _ in range(RUNS):
            begun = time.process_time()
            state = state_of(large)
            times.append(time.process_time() - begun)
        print(f"{state.votes:,} votes on {state.finished:,} items: {1000 * min(times):.0f} ms")
        large.close()
