"""Text-to-video benchmarks with published scores: FETV and TVGE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.benchmark.published.parts import PublishedPart, PublishedScores, csv_rows, json_file, json_lines

REAL = "ground-truth"
FETV_GENERATORS = ("cogvideo", "modelscope-t2v", "text2video-zero", "zeroscope", REAL)
RENAMED = {"modelscope-t2v": "damo-text2video"}
"""A generator that the ratings call otherwise than the scores do."""
FETV_SCORES = ("CLIPScore", "CLIPScore-ft", "BLIPScore", "UMTScore", "Otter-VQA")
TVGE_SCORES = {
    "CLIP Score": "CLIPScore",
    "X-CLIP Score": "X-CLIP",
    "BLIP-BLEU": "BLIP-BLEU",
    "T2VScore-A (GPT-4V)": "T2VScore-A",
}
RATERS = 3


def read_fetv(folder: Path) -> list[PublishedPart]:
    """Read the alignment ratings and scores of generated and real videos.

    Args:
        folder: Folder with manual_eval_results, auto_eval_results and datas.

    Raises:
        BenchmarkError: A file isn't there or can't be read.
    """
    prompts = [entry["prompt"] for entry in json_lines(folder / "datas" / "fetv_data.json")]
    rows: dict[str, dict[str, Any]] = {}
    for rater in range(RATERS):
        for generator in FETV_GENERATORS:
            name = f"manual_eval_results_{RENAMED.get(generator, generator)}.json"
            for line in json_lines(folder / "manual_eval_results" / f"human{rater}" / name):
                for number, given in line.items():
                    subset = "real" if generator == REAL else "generated"
                    row = rows.setdefault(
                        f"{generator}/{number}",
                        {
                            "item_id": f"{generator}/{number}",
                            "subset": subset,
                            "prompt_id": f"{subset}/{number}",
                            "prompt": prompts[int(number)],
                            "ratings": [None] * RATERS,
                        },
                    )
                    row["ratings"][rater] = float(given["alignment"])
    scores = []
    for model in FETV_SCORES:
        rewards: dict[str, float] = {}
        for generator in FETV_GENERATORS:
            file = folder / "auto_eval_results" / model / f"auto_eval_results_{generator}.json"
            rewards |= {f"{generator}/{number}": float(score) for number, score in json_file(file).items()}
        scores.append(PublishedScores(model, {item: rewards[item] for item in rows if item in rewards}))
    notes = [
        "FETV of Liu et al. 2023 (arXiv 2311.01813): the ratings of alignment; those of static and temporal quality "
        "are left out.",
        "The generator modelscope-t2v is called damo-text2video in the ratings. Real videos are a subset of their own, "
        "one per prompt.",
    ]
    scale = RatingScale(low=1, high=5, majority_from=4, raters=tuple(f"human{rater}" for rater in range(RATERS)))
    ordered = sorted(rows.values(), key=lambda row: row["subset"] == "real")
    return [PublishedPart("fetv", ordered, scale, notes, scores)]


def read_tvge(folder: Path) -> list[PublishedPart]:
    """Read the mean ratings and scores of videos.

    Args:
        folder: Folder of the two files.

    Raises:
        BenchmarkError: A file isn't there or can't be read.
    """
    content: dict[str, dict[str, Any]] = json_file(folder / "t2vscore_alignment_score.json")
    scale = RatingScale(low=1, high=5)
    rows = [
        {
            "item_id": f"{number}/{generator}",
            "subset": "tvge",
            "prompt_id": number,
            "prompt": entry["prompt"],
            "human_score": float(scale.scaled(float(mean[0]))),
        }
        for number, entry in content.items()
        for generator, mean in entry["models"].items()
    ]
    table = list(csv_rows(folder / "t2vscore_results.csv"))
    scores = [
        PublishedScores(name, {f"{row['video_id']}/{row['model_name']}": float(row[column]) for row in table})
        for column, name in TVGE_SCORES.items()
    ]
    notes = [
        "TVGE of Wu et al. 2024 (arXiv 2401.07781), as published with VQAScore; only the means of the ratings, in "
        "steps of 0.1.",
    ]
    return [PublishedPart("tvge", rows, scale, notes, scores)]
