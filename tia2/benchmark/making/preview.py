"""A sheet of some of a benchmark's images, to see at a glance whether images and judgements belong together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tia2.files import replacing

if TYPE_CHECKING:
    from tia2.benchmark.loading import Benchmark

ACROSS, DOWN = 6, 4
SIDE, CAPTION = 160, 34


def contact_sheet(benchmark: Benchmark, path: Path) -> Path | None:
    """Write a picture of up to 24 images, from the lowest human score to the highest, each with score and prompt.

    Args:
        benchmark: The benchmark.
        path: The PNG file to write.

    Returns:
        The path; None where there are no images.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    scores = benchmark.items["human_score"].to_numpy(np.float64)
    missing = set(benchmark.missing_images)
    present = [n for n in np.argsort(scores, kind="stable") if benchmark.items["item_id"].iloc[n] not in missing]
    if not present:
        return None
    count = min(ACROSS * DOWN, len(present))
    chosen = [int(present[round(n * (len(present) - 1) / max(count - 1, 1))]) for n in range(count)]
    rows = -(-count // ACROSS)
    sheet = Image.new("RGB", (ACROSS * SIDE, rows * (SIDE + CAPTION)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, position in enumerate(chosen):
        left, top = number % ACROSS * SIDE, number // ACROSS * (SIDE + CAPTION)
        picture = benchmark.images([position])[0]
        picture.thumbnail((SIDE - 4, SIDE - 4))
        sheet.paste(picture, (left + (SIDE - picture.width) // 2, top + (SIDE - picture.height) // 2))
        prompt = benchmark.items["prompt"].iloc[position].encode("ascii", "replace").decode()
        draw.text((left + 4, top + SIDE + 2), f"{scores[position]:.2f}", fill="black")
        draw.text((left + 4, top + SIDE + 16), prompt[:25], fill="black")
    with replacing(path) as unfinished:
        sheet.save(unfinished, "PNG")
    return path
