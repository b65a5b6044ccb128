"""Images of prompts by any diffusers pipeline, each with its own seed, into a folder that can be added to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tia2.errors import StudyError
from tia2.files import json_of, write_atomically
from tia2.people.mapped import (
    ModelSource,
    SampleRequest,
    SamplerSettings,
    begin,
    file_name,
    resolve,
    save_image,
)
from tia2.people.sources import PROMPTS
from tia2.progress import Progress, silent
from tia2.prompts.prompt_files import read_prompts

if TYPE_CHECKING:
    from numpy.typing import NDArray

Draw = Callable[[Sequence[str], Sequence[int]], "NDArray[np.uint8]"]
"""Return images of prompts at seeds, shape (n, height, width, 3)."""
BLANK = 2.0
"""Standard deviation of the pixels, of 255, below which an image shows nothing."""


class SampleSettings(NamedTuple):
    """How images are sampled.

    Attributes:
        steps: Denoising steps.
        guidance: Classifier-free guidance; 1 for none.
        batch: Images at a time; halved where memory runs out.
    """

    steps: int = 15
    guidance: float = 3.0
    batch: int = 16


class SampledImages(NamedTuple):
    """Images in a folder.

    Attributes:
        files: Their files, prompt by prompt.
        blank: Files that show nothing.
        duplicates: Pairs of files with the same pixels.
    """

    files: list[Path]
    blank: list[Path]
    duplicates: list[tuple[Path, Path]]


def read_prompt_list(source: str | Path) -> list[dict[str, Any]]:
    """Return prompts with what is said of them: those of `tia2 people prompts`, or any file of prompts.

    Args:
        source: A prompts.json, or whatever `tia2 prompts` reads.

    Raises:
        PromptError: It can't be read, or holds no prompts.
    """
    path = Path(source)
    if path.suffix == ".json" and path.is_file():
        try:
            rows = json_of(path.read_bytes())
        except (OSError, ValueError):
            rows = None
        if isinstance(rows, list) and rows and all(isinstance(row, dict) and row.get("prompt") for row in rows):
            return [{**row, "prompt": str(row["prompt"])} for row in rows]
    return [{"prompt": prompt} for prompt in read_prompts(source)]


def sample_prompts(
    prompts: Sequence[dict[str, Any]],
    folder: Path,
    *,
    model: str = "mini",
    images: int = 8,
    seed: int = 0,
    settings: SampleSettings | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> SampledImages:
    """Sample what a folder lacks; a run that was stopped resumes.

    Args:
        prompts: The prompts, each with what shall be kept of it.
        folder: Where to.
        model: A diffusers pipeline: its folder or id on the Hub, or "mini", the miniature world's.
        images: Images per prompt.
        seed: Seed of each prompt's first image; the next ones follow.
        settings: Steps, guidance and batch.
        device: Device to run on.
        progress: Called after every batch with "images", those done, and those that were missing.

    Returns:
        The images, with those that are blank or there twice.

    Raises:
        FinetuneError: The folder holds other images, or the model can't be had.
        StudyError: Memory runs out even for one image.
    """
    chosen = settings or SampleSettings()
    source = resolve(model)
    sampler = SamplerSettings(steps=chosen.steps, guidance=chosen.guidance, batch=chosen.batch)
    texts = tuple(dict.fromkeys(prompt["prompt"] for prompt in prompts))
    request = SampleRequest(model, None, 1.0, sampler, texts, tuple(range(seed, seed + images)))
    missing = begin(folder, request)
    listing = json.dumps(list(prompts), indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / PROMPTS, listing.encode(), StudyError)
    if missing:
        draw = _drawing(source, chosen, device)
        batch, done = chosen.batch, 0
        while done < len(missing):
            part = missing[done : done + batch]
            try:
                pixels = draw([prompt for prompt, _ in part], [number for _, number in part])
            except (MemoryError, RuntimeError) as error:
                if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
                    raise
                if len(part) == 1:
                    raise StudyError(f"One image of {model} needs more memory than {device} has.") from None
                batch = len(part) // 2
                continue
            _save(folder, part, pixels, request)
            done += len(part)
            progress("images", done, len(missing))
    files = [folder / file_name(prompt, number) for prompt in request.prompts for number in request.seeds]
    return SampledImages(files, *_look(files))


def _save(folder: Path, part: Sequence[tuple[str, int]], pixels: NDArray[np.uint8], request: SampleRequest) -> None:
    from PIL import Image

    for (prompt, number), image in zip(part, pixels, strict=True):
        save_image(folder, Image.fromarray(image), prompt, number, request)


def _drawing(source: ModelSource, settings: SampleSettings, device: str) -> Draw:
    """Return what draws, with its model loaded."""
    from tia2.miniworld.diffusers_loading import importing_diffusers, loading_quietly

    if source.checkpoint is not None:
        from tia2.miniworld.generator import load_pipeline, sample

        miniature = load_pipeline(checkpoint=source.checkpoint, device=device)
        return lambda prompts, seeds: sample(
            miniature, prompts, seeds, steps=settings.steps, guidance=settings.guidance, batch=len(prompts)
        )
    with importing_diffusers("Sampling"):
        import torch
        from diffusers import DiffusionPipeline
    try:
        with loading_quietly():
            half = torch.float16 if device != "cpu" else torch.float32
            pipeline = DiffusionPipeline.from_pretrained(source.location, torch_dtype=half).to(device)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        # What diffusers raises on files that are missing, damaged or of another kind of model.
        raise StudyError(f"The pipeline {source.asked} can't be loaded: {' '.join(str(error).split())[:300]}") from None
    pipeline.set_progress_bar_config(disable=True)

    def draw(prompts: Sequence[str], seeds: Sequence[int]) -> NDArray[np.uint8]:
        # From the CPU, so that every device begins with the same noise.
        generators = [torch.Generator().manual_seed(number) for number in seeds]
        output = pipeline(
            list(prompts),
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            generator=generators,
            output_type="np",
        )
        rounded: NDArray[np.uint8] = np.rint(np.asarray(output.images) * 255).astype(np.uint8)
        return rounded

    return draw


def _look(files: Sequence[Path]) -> tuple[list[Path], list[tuple[Path, Path]]]:
    """Return the files that show nothing, and pairs with the same pixels."""
    from PIL import Image

    blank, pairs, first = [], [], dict[str, Path]()
    for path in files:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        if pixels.std(axis=(0, 1)).max() < BLANK:
            blank.append(path)
        same = first.setdefault(hashlib.sha256(pixels.tobytes()).hexdigest(), path)
        if same != path:
            pairs.append((same, path))
    return blank, pairs
