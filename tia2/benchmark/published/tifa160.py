"""TIFA160: 800 images of 160 prompts, rated by two people for TIFA and by five for DSG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.benchmark.published.dsg_answers import dsg_scores
from tia2.benchmark.published.parts import PublishedPart, PublishedScores, csv_rows, json_file

SCORES = {
    "clipscore_vitb32": "CLIPScore ViT-B-32",
    "tifa_vilt": "TIFA ViLT",
    "tifa_git-large": "TIFA GIT",
    "tifa_ofa-large": "TIFA OFA",
    "tifa_blip2-flant5xl": "TIFA BLIP-2",
    "tifa_mplug-large": "TIFA mPLUG",
    "meteor": "METEOR of a caption",
    "bleu": "BLEU of a caption",
    "rouge": "ROUGE-L of a caption",
    "spice": "SPICE of a caption",
}
GENERATORS = {
    "mini-dalle": "mini_dalle",
    "sd1dot1": "stable_diffusion_v1_1",
    "sd1dot5": "stable_diffusion_v1_5",
    "sd2dot1": "stable_diffusion_v2_1",
    "vq-diffusion": "vq_diffusion",
}
"""Names of the generators in the second table, and in the first."""


def read_tifa160(folder: Path) -> list[PublishedPart]:
    """Read both tables; the second joins the first by prompt and generator. Published answers become scores, too.

    Args:
        folder: Folder of the two files, and of DSG's questions and answers where they are wanted.

    Raises:
        BenchmarkError: A file isn't there or can't be read.
    """
    content: dict[str, dict[str, Any]] = json_file(folder / "human_annotations_with_scores.json")
    answers: dict[str, dict[str, float]] = {}
    item_ids: dict[tuple[str, str], str] = {}
    for row in csv_rows(folder / "tifa160-likert-anns.csv"):
        item = f"{row['source_id']}_{GENERATORS[row['t2i_model']]}"
        answers.setdefault(item, {})[row["worker_id"]] = float(row["answer"])
        item_ids[row["t2i_model"], row["item_id"]] = item
    # Numbered: who they are is nobody's concern.
    workers = sorted({worker for given in answers.values() for worker in given}, key=lambda name: (len(name), name))
    scores = [
        PublishedScores(name, {item: float(row[column]) for item, row in content.items()})
        for column, name in SCORES.items()
    ] + dsg_scores(folder, item_ids)
    common = [
        "TIFA160 of Hu et al. 2023 (arXiv 2303.11897): five generators, 160 prompts; how consistent is the image?"
    ]
    five = PublishedPart(
        "tifa160",
        [_row(item, row, [answers[item].get(worker) for worker in workers]) for item, row in content.items()],
        RatingScale(low=1, high=5, majority_from=4, raters=tuple(f"worker {n + 1}" for n in range(len(workers)))),
        [
            *common,
            "Ratings of five people, crossed, collected for DSG (Cho et al. 2024, arXiv 2310.18235); five missing.",
        ],
        scores,
    )
    two = PublishedPart(
        "tifa160-two",
        [_row(item, row, [float(rating) for rating in row["human_scores"]]) for item, row in content.items()],
        RatingScale(low=1, high=5, majority_from=4, raters=("first", "second")),
        [*common, "The two ratings of TIFA's own authors."],
        scores,
    )
    return [five, two]


def _row(item: str, row: dict[str, Any], ratings: list[float | None]) -> dict[str, Any]:
    return {
        "item_id": item,
        "subset": "tifa160",
        "prompt_id": row["text_id"],
        "prompt": row["text"],
        "ratings": ratings,
    }
