"""Make the `mini` benchmark: sample, judge, and let the simulated annotators vote."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tia2.benchmark import human_score, is_aligned
from tia2.files import replacing
from tia2.miniworld.annotators import votes
from tia2.miniworld.generator import sample
from tia2.miniworld.grammar import contrastive_prompts
from tia2.miniworld.judge import judge
from tia2.miniworld.prompts import benchmark_prompts
from tia2.progress import Progress, silent

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

IMAGES_PER_PROMPT = 50
SEED = 2404
GUIDANCE = 1.5
"""Less than the generator's best: easy prompts fail now and then too, and aligned shares come closer to TIA2's."""

_JPEG_QUALITY = 92


@dataclass(frozen=True)
class MiniItem:
    """One item of the `mini` benchmark; the fields are the columns of every benchmark, `image` is an encoded file."""

    item_id: str
    subset: str
    prompt_id: str
    prompt: str
    image: bytes
    votes: list[int]
    human_score: float
    label: bool
    contrastive_prompts: list[str]


def build_benchmark(
    pipeline: StableDiffusionPipeline,
    *,
    seed: int = SEED,
    only: Collection[str] | None = None,
    progress: Progress = silent,
) -> list[MiniItem]:
    """Make the items of the `mini` benchmark.

    Args:
        pipeline: The generator that draws the images.
        seed: Seed of images and votes.
        only: Prompts whose items are made; all 60 if None.
        progress: Called after every prompt with "items", the items done, and the items in all.

    Returns:
        The items, prompt by prompt. The same weights and seed give the same items.
    """
    prompts = [
        (subset, index, text) for subset, texts in benchmark_prompts().items() for index, text in enumerate(texts)
    ]
    wanted = [(number, *entry) for number, entry in enumerate(prompts) if only is None or entry[2] in only]
    items: list[MiniItem] = []
    for number, subset, index, prompt in wanted:
        seeds = [seed * 1_000_000 + number * 1_000 + k for k in range(IMAGES_PER_PROMPT)]
        rng = np.random.default_rng([seed, number])
        for k, pixels in enumerate(sample(pipeline, [prompt] * IMAGES_PER_PROMPT, seeds, guidance=GUIDANCE)):
            file = encode(pixels)
            given = votes(judge(decode(file), prompt), rng)
            score = human_score(given)
            name = f"{subset}/image_{index}_{k // 10}_{k % 10}"
            prompt_id = f"{subset}/{index}"
            edits = contrastive_prompts(prompt)
            items.append(MiniItem(name, subset, prompt_id, prompt, file, given, score, is_aligned(score), edits))
        progress("items", len(items), len(wanted) * IMAGES_PER_PROMPT)
    return items


def encode(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return an image as a JPEG file, as TIA2's images are."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def decode(file: bytes) -> npt.NDArray[np.uint8]:
    """Return the pixels of an encoded image: (64, 64, 3) uint8."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def write_benchmark(items: list[MiniItem], path: Path) -> None:
    """Write items as one Parquet file with embedded images, whole or not at all.

    Args:
        items: The items that `build_benchmark` returned.
        path: The file to write; its folder is made.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tia2.benchmark.columns import features

    columns = {name: [getattr(item, name) for item in items] for name in MiniItem.__dataclass_fields__}
    columns["image"] = [{"bytes": item.image, "path": f"{item.item_id}.jpg"} for item in items]
    schema = features().arrow_schema
    table = pa.table(columns, schema=schema)
    with replacing(path) as unfinished:
        pq.write_table(table, unfinished, compression="zstd", row_group_size=IMAGES_PER_PROMPT)
