"""GenAI-Bench: images and videos rated by three people, with VQAScore where it was published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.benchmark.published.parts import PublishedPart, PublishedScores, json_file

LOW, HIGH = 1, 5
VQASCORE, CLIP, LLAVA = "VQAScore CLIP-FlanT5", "CLIPScore", "VQAScore LLaVA"
_PAPER = "GenAI-Bench of Li et al. 2024 (arXiv 2406.13743)."


def read_genai_bench(folder: Path) -> list[PublishedPart]:
    """Read the ratings of images, and the scores of the 220 that have some.

    Args:
        folder: Folder of the two files.

    Raises:
        BenchmarkError: A file isn't there or can't be read.
    """
    content: dict[str, dict[str, Any]] = json_file(folder / "genai_image.json")
    teaser: dict[str, dict[str, Any]] = json_file(folder / "genai_image_teaser.json")
    typos = []
    rows = []
    for number, entry in content.items():
        for generator, given in entry["models"].items():
            item = f"{number}/{generator}"
            typos += [f"{rating} of {item}" for rating in given if not LOW <= rating <= HIGH]
            ratings = [float(rating) if LOW <= rating <= HIGH else None for rating in given]
            rows.append(_row(item, number, entry["prompt"], {"ratings": ratings}))
    notes = [
        _PAPER,
        f"{len(typos)} typos upstream were taken for gaps: {', '.join(typos)}.",
        "The second and third ratings are nearly equal (Spearman .917), so agreement is overstated.",
        "Scores are published for 220 of the images.",
    ]
    scores = [_scores(teaser, "clip_flant5", VQASCORE), _scores(teaser, "clip", CLIP)]
    scale = RatingScale(low=LOW, high=HIGH, majority_from=4, raters=("first", "second", "third"))
    return [PublishedPart("genai-bench", rows, scale, notes, scores)]


def read_genai_bench_video(folder: Path) -> list[PublishedPart]:
    """Read the mean ratings of videos, and their scores.

    Args:
        folder: Folder of the file.

    Raises:
        BenchmarkError: The file isn't there or can't be read.
    """
    content: dict[str, dict[str, Any]] = json_file(folder / "genai_video_teaser.json")
    scale = RatingScale(low=LOW, high=HIGH)
    rows = [
        _row(
            f"{number}/{generator}",
            number,
            entry["prompt"],
            {"human_score": float(scale.scaled(float(given["human"])))},
        )
        for number, entry in content.items()
        for generator, given in entry["models"].items()
    ]
    notes = [_PAPER, "Only the means of three ratings are published, with two decimals."]
    scores = [_scores(content, "clip_flant5", VQASCORE), _scores(content, "llava", LLAVA)]
    return [PublishedPart("genai-bench-video", rows, scale, notes, scores)]


def _row(item: str, number: str, prompt: str, judged: dict[str, Any]) -> dict[str, Any]:
    return {"item_id": item, "subset": "genai-bench", "prompt_id": number, "prompt": prompt, **judged}


def _scores(content: dict[str, dict[str, Any]], column: str, name: str) -> PublishedScores:
    rewards = {
        f"{number}/{generator}": float(given[column])
        for number, entry in content.items()
        for generator, given in entry["models"].items()
    }
    return PublishedScores(name, rewards, "Published with three decimals.")
