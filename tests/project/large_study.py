"""A study in which everybody has voted on everything, at random."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study

CONTRAST = {"kind": "contrast", "aspects": ["different"]}
PAIRS = {"kind": "pair", "aspects": ["alignment", "fidelity"]}
ANSWERS = {"contrast": ("yes", "no"), "pair": ("A", "tie", "B")}


def voted_study(folder: Path, items: int = 5000, raters: int = 3, pairs: bool = False) -> Study:
    """Return the study, open: of two texts per item, or of pairs of images of two models, five per prompt."""
    question = PAIRS if pairs else CONTRAST
    settings = StudySettings(name="large", question=question, gold_share=0, repeat_share=0)
    listed = _pairs(folder.parent, items) if pairs else _texts(items)
    study = Study.create(folder, settings, listed, durable=False)
    rng = np.random.default_rng(0)
    for rater in [study.add_rater(f"rater {number}") for number in range(raters)]:
        while given := study.queue(rater, 500).assignments:
            # Written at once: each through the store, as raters do, would take half a minute.
            chosen = rng.choice(ANSWERS[question["kind"]], (len(given), len(question["aspects"])))
            answers = [json.dumps(dict(zip(question["aspects"], row.tolist(), strict=True))) for row in chosen]
            rows = [(each.id, each.id, answer, 2.0, 0.0) for each, answer in zip(given, answers, strict=True)]
            with study.file.writing() as connection:
                connection.executemany(
                    "INSERT INTO votes (id, assignment, answer, seconds, at) VALUES (?, ?, ?, ?, ?)", rows
                )
                connection.executemany("UPDATE assignments SET voted = 1 WHERE id = ?", [row[:1] for row in rows])
    return study


def _texts(items: int) -> list[NewItem]:
    return [NewItem(str(number), "a text", texts=("another",)) for number in range(items)]


def _pairs(folder: Path, items: int) -> list[NewItem]:
    images = [folder / f"{level}.png" for level in (80, 160)]
    for path in images:
        Image.new("L", (8, 8), int(path.stem)).save(path)
    facts = {"a": "ours", "b": "theirs"}
    return [
        NewItem(str(number), "a prompt", images, facts={**facts, "prompt_id": f"p/{number // 5}"})
        for number in range(items)
    ]
