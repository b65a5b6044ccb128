"""A verdict as files: its numbers, figures, a page, and pairs in dispute as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import ResultError
from tia2.figures import FigureSpec, save_figure
from tia2.files import replacing, write_atomically
from tia2.people.comparing.disputes import DisputedPair
from tia2.people.verdict.decide import StudyVerdict, stop_advice
from tia2.people.verdict.figures import looking_figure, strengths_figure, win_rate_figure
from tia2.people.verdict.study_pairs import StudyPairs
from tia2.people.verdict.words import SHOWN_DISPUTES, as_json, judge_sentences, looking, percent, sentence

if TYPE_CHECKING:
    from PIL import Image

    from tia2.people.mapped import SheetBlock

_SIDE = 128


def write_verdict(verdict: StudyVerdict, folder: Path, half_width: float | None = None) -> list[Path]:
    """Write verdict.json, verdict.html, pictures of the figures, and disputes.png where people disagree.

    Args:
        verdict: The verdict.
        folder: Folder to write to, made as needed.
        half_width: Half-width at which a win rate is known well enough.

    Returns:
        The files; the page first.

    Raises:
        ResultError: A file can't be written.
    """
    figures = {
        "win_rates": win_rate_figure(verdict),
        "strengths": strengths_figure(verdict),
        "looking": looking_figure(verdict),
    }
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    blocks = disputed_blocks(verdict)
    content = as_json(verdict, half_width)
    page, numbers = folder / "verdict.html", folder / "verdict.json"
    write_atomically(numbers, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(), ResultError)
    files = [page, numbers]
    for name, figure in drawn.items():
        save_figure(figure, folder / f"{name}.png")
        files.append(folder / f"{name}.png")
    if blocks:
        from tia2.people.mapped import image_sheet

        sheet = folder / "disputes.png"
        with replacing(sheet, ResultError) as unfinished:
            image_sheet(blocks, per_line=4, side=_SIDE).save(unfinished, format="PNG")
        files.append(sheet)
    write_atomically(page, _page(verdict, drawn, blocks, half_width).encode(), ResultError)
    return files


def disputed_blocks(verdict: StudyVerdict) -> list[SheetBlock]:
    """Return the pairs that people disagree on most, as rows of images under their prompt.

    Args:
        verdict: The verdict.
    """
    from tia2.people.mapped import SheetBlock, SheetRow

    listed = [
        (pair, outcome.rate.first, outcome.rate.second, aspect.aspect)
        for aspect in verdict.aspects
        for outcome in aspect.pairs
        for pair in outcome.disputed
    ]
    listed.sort(key=lambda row: (-row[0].disagreement, row[0].item, row[3]))
    blocks = []
    for pair, first, second, aspect in listed[:SHOWN_DISPUTES]:
        item = verdict.study.items[pair.item]
        sides = _images(verdict.study, pair)
        if item.facts["a"] != first:
            sides = sides[::-1]
        votes = ((first, pair.wins), (second, pair.losses))
        rows = [
            SheetRow(f"{name}\n{count} of {pair.wins + pair.ties + pair.losses}", images, [None] * len(images))
            for (name, count), images in zip(votes, sides, strict=True)
        ]
        blocks.append(SheetBlock(f"{aspect}: {item.prompt}", rows))
    return blocks


def _images(study: StudyPairs, pair: DisputedPair) -> list[list[Image.Image]]:
    from tia2.decoding import read_rgb
    from tia2.errors import ImageFileError

    names = study.items[pair.item].images
    try:
        images = [read_rgb((study.images / name).read_bytes()) for name in names]
    except (OSError, ImageFileError) as error:
        raise ResultError(f"An image of {pair.item} can't be read: {error}.") from None
    half = len(images) // 2
    return [images[:half], images[half:]]


def _page(verdict: StudyVerdict, drawn: dict[str, FigureSpec], blocks: list[SheetBlock], width: float | None) -> str:
    from tia2.people.mapped import render, shown_blocks

    study = verdict.study
    aspects: list[dict[str, Any]] = [
        {
            "name": aspect.aspect,
            "pairs": [
                {
                    "rate": outcome.rate,
                    "sentence": sentence(outcome, aspect.aspect),
                    "looking": looking(outcome),
                    "judges": judge_sentences(outcome),
                    "win": percent(outcome.rate.rate),
                    "position": None if outcome.rate.position is None else outcome.rate.position,
                    "alpha": outcome.alpha,
                    "disputed": len(outcome.disputed),
                }
                for outcome in aspect.pairs
            ],
        }
        for aspect in verdict.aspects
    ]
    return render(
        "verdict.html.j2",
        package="tia2.people.verdict",
        study=study,
        aspects=aspects,
        figures=list(drawn.values()),
        blocks=shown_blocks(blocks),
        advice=stop_advice(verdict, width),
    )
