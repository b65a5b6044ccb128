"""What is to be sampled, from which model and how; and the files that images and their origin are kept in."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError
from tia2.files import replacing, write_atomically

from ..settings.model import SamplerSettings

if TYPE_CHECKING:
    from PIL import Image

ABOUT = "samples.json"
CONTACT_SHEET = "contact_sheet.png"
_LONGEST = 80


@dataclass(frozen=True)
class SampleRequest:
    """Images to sample.

    Attributes:
        source: Name of the model, or the run's folder.
        epoch: Epoch of the run's weights; None for a model as it is.
        scale: Share of the adapter's strength.
        sampler: Steps, η, guidance and images at a time.
        prompts: The prompts.
        seeds: The seeds; each gives one image per prompt.
    """

    source: str
    epoch: int | None
    scale: float
    sampler: SamplerSettings
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]

    def origin(self) -> dict[str, Any]:
        """Return what an image depends on besides its prompt and seed."""
        return {
            "source": self.source,
            "epoch": self.epoch,
            "scale": self.scale,
            "steps": self.sampler.steps,
            "eta": self.sampler.eta,
            "guidance": self.sampler.guidance,
        }


def file_name(prompt: str, seed: int) -> str:
    """Return the name of an image's file: the prompt, shortened where it must be, and the seed.

    Args:
        prompt: The prompt.
        seed: The seed.

    Example:
        >>> file_name("Two blue squares", 7)
        'two-blue-squares_000007.png'
    """
    words = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")
    short = words[:_LONGEST].rstrip("-")
    if short.replace("-", " ") != prompt.lower():
        # Where something was left out, two prompts could share a name.
        short = f"{short}-{hashlib.sha256(prompt.encode()).hexdigest()[:6]}".lstrip("-")
    return f"{short}_{seed:06d}.png"


def begin(folder: Path, request: SampleRequest) -> list[tuple[str, int]]:
    """Prepare a folder, and return the prompts and seeds whose images aren't there yet.

    Args:
        folder: The folder; images that it holds already are kept when they were sampled in the same way.
        request: Images to sample.

    Raises:
        FinetuneError: The folder holds samples of another origin, or other files, or can't be written to.
    """
    about = folder / ABOUT
    if about.is_file():
        try:
            present = json.loads(about.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FinetuneError(f"{about} can't be read: {error}.") from None
        if present != request.origin():
            raise FinetuneError(f"{folder} holds images that were sampled in another way: choose another --out.")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FinetuneError(f"{folder} is not empty and holds no samples: choose another --out.")
    else:
        content = json.dumps(request.origin(), indent=1, ensure_ascii=False) + "\n"
        write_atomically(about, content.encode(), FinetuneError)
    pairs = [(prompt, seed) for prompt in request.prompts for seed in request.seeds]
    return [(prompt, seed) for prompt, seed in pairs if not (folder / file_name(prompt, seed)).is_file()]


def save_image(folder: Path, image: Image.Image, prompt: str, seed: int, request: SampleRequest) -> None:
    """Write an image as PNG, whose metadata say how it came about.

    Args:
        folder: The folder.
        image: The image.
        prompt: Its prompt.
        seed: Its seed.
        request: The request that it was sampled for.

    Raises:
        FinetuneError: It can't be written; the images before it are kept.
    """
    from PIL.PngImagePlugin import PngInfo

    from tia2._version import __version__

    facts = PngInfo()
    for key, value in {"prompt": prompt, "seed": seed, **request.origin(), "software": f"tia2 {__version__}"}.items():
        # Compressed international text, since prompts may hold any character.
        facts.add_itxt(key, "" if value is None else str(value))
    path = folder / file_name(prompt, seed)
    with replacing(path, FinetuneError, "The images before it are kept.") as unfinished:
        image.save(unfinished, format="PNG", pnginfo=facts)


def open_images(folder: Path, prompt: str, seeds: Sequence[int]) -> list[Image.Image]:
    """Return the images of a prompt.

    Args:
        folder: The folder.
        prompt: The prompt.
        seeds: Their seeds.

    Raises:
        FinetuneError: One is missing or damaged.
    """
    from PIL import Image

    images = []
    for seed in seeds:
        path = folder / file_name(prompt, seed)
        try:
            with Image.open(path) as image:
                images.append(image.convert("RGB"))
        except OSError as error:
            raise FinetuneError(f"{path} can't be read ({error}): delete it, and it is sampled again.") from None
    return images
