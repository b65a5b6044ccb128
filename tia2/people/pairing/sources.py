"""Images of a model with their prompts and seeds, from folders, fine-tuning runs and their checkpoints."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tia2.errors import ImageFileError, StudyError, on_one_line

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
METADATA = ("metadata.csv", "metadata.jsonl")
"""Files that say which prompt an image is of, as `datasets` reads folders of images."""
_LONGEST_TEXT = 5000


@dataclass(frozen=True)
class ImageKey:
    """What images of several models have in common.

    Attributes:
        prompt: The prompt.
        seed: The seed, or the image's number among those of the prompt.
    """

    prompt: str
    seed: str


@dataclass(frozen=True)
class ModelImage:
    """An image of a model.

    Attributes:
        path: Its file; None where a run's table holds it.
        content: Bytes of the file where a run's table holds it.
        scores: Scores that were kept with it, by the judge's name.
    """

    path: Path | None = None
    content: bytes = b""
    scores: Mapping[str, float] = field(default_factory=dict)

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            StudyError: It can't be read.
        """
        if self.path is None:
            return self.content
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise StudyError(f"{self.path} can't be read: {error.strerror}.") from None


@dataclass(frozen=True)
class ModelImages:
    """The images of a model.

    Attributes:
        name: Name of the model, which no rater sees.
        images: The images by prompt and seed.
        noise: The noise behind the seeds, where only equal noise makes images comparable: an evaluation's seed.
    """

    name: str
    images: dict[ImageKey, ModelImage]
    noise: str = ""


def model_images(spec: str) -> ModelImages:
    """Return the images that an argument of `tia2 people compare` names.

    Args:
        spec: A folder of images, or the folder of a fine-tuning run. `RUN@CHECKPOINT` is one of its checkpoints: base,
            peak, last (as without it) or the number of an evaluated epoch. `NAME=` before it names the model.

    Returns:
        The images. Of a run, those of the evaluation that didn't choose the checkpoint: its part `test`.

    Raises:
        StudyError: There is no such folder, or its images don't say their prompts.
        FinetuneError: The run is damaged, or has no such checkpoint.
    """
    name, equals, location = spec.partition("=")
    if not equals or any(Path(whole).exists() for whole in (spec, spec.rpartition("@")[0]) if whole):
        name, location = "", spec
    path, checkpoint = Path(location), ""
    if not path.exists() and "@" in location:
        before, _, checkpoint = location.rpartition("@")
        path = Path(before)
    if not path.is_dir():
        raise StudyError(f"{location} is no folder: expected one with images, or a fine-tuning run.")
    if (path / "run.json").is_file():
        return _of_run(path, checkpoint, name)
    if checkpoint:
        raise StudyError(f"{path} is no fine-tuning run, so it has no checkpoint {checkpoint!r}.")
    images = _of_folder(path)
    if not images:
        raise StudyError(f"{path} holds no images ({', '.join(SUFFIXES)}).")
    return ModelImages(name or path.resolve().name, images)


def _of_run(path: Path, checkpoint: str, name: str) -> ModelImages:
    from tia2.people.mapped import LAST, TEST, RunFolder, epoch_of

    folder, checkpoint = RunFolder(path), checkpoint or LAST
    epoch = epoch_of(folder, checkpoint)
    frame = folder.evaluation(epoch)
    judges: Mapping[str, Any] = folder.facts().get("judges", {})
    frame = frame[frame["part"] == TEST]
    # Names say what the judges were for: the proxy chose the weights, gold the checkpoint.
    titles = {
        role: f"{name} ({role})" if role in ("proxy", "gold") else str(name)
        for role, name in judges.items()
        if role in frame.columns
    }
    images = {
        ImageKey(row["prompt"], str(row["number"])): ModelImage(
            content=bytes(row["image"]), scores={title: float(row[role]) for role, title in titles.items()}
        )
        for _, row in frame.iterrows()
    }
    settings = folder.settings()
    return ModelImages(name or f"{settings.name} {checkpoint}", images, f"evaluation seed {settings.evaluation.seed}")


def _of_folder(path: Path) -> dict[ImageKey, ModelImage]:
    listed = next((path / name for name in METADATA if (path / name).is_file()), None)
    if listed is not None:
        return _of_list(listed)
    images: dict[ImageKey, ModelImage] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in SUFFIXES and not file.name.startswith((".", "contact_sheet")):
            facts = _facts_of(file)
            if "prompt" not in facts or "seed" not in facts:
                raise StudyError(
                    f"{on_one_line(str(file))} doesn't say its prompt and seed: expected PNG metadata, as `tia2 "
                    "finetune sample` writes it, or a metadata.csv with the columns file_name, prompt and seed."
                )
            _add(images, facts["prompt"], facts["seed"], file)
    return images


def _of_list(listed: Path) -> dict[ImageKey, ModelImage]:
    """Return the images that a metadata.csv or metadata.jsonl lists."""
    try:
        text = listed.read_text(encoding="utf-8-sig")
        rows: list[Any] = (
            list(csv.DictReader(text.splitlines()))
            if listed.suffix == ".csv"
            else [json.loads(line) for line in text.splitlines() if line.strip()]
        )
    except (OSError, ValueError, csv.Error) as error:
        raise StudyError(f"{listed} can't be read: {' '.join(str(error).split())}.") from None
    images: dict[ImageKey, ModelImage] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or not all(
            row.get(column) not in (None, "") for column in ("file_name", "prompt")
        ):
            raise StudyError(
                f"{listed}, row {number}: expected file_name and prompt (and seed, where there are several)."
            )
        file = listed.parent / str(row["file_name"])
        if not file.resolve().is_relative_to(listed.parent.resolve()):
            raise StudyError(f"{listed}, row {number}: {on_one_line(str(row['file_name']))} lies outside its folder.")
        if not file.is_file():
            raise StudyError(f"{listed}, row {number}: {on_one_line(str(row['file_name']))} is not there.")
        _add(images, str(row["prompt"]), str(row.get("seed") or 0), file)
    return images


def _add(images: dict[ImageKey, ModelImage], prompt: str, seed: str, file: Path) -> None:
    if not prompt.strip() or len(prompt) > _LONGEST_TEXT:
        raise StudyError(f"{on_one_line(str(file))} has an empty prompt, or one of over {_LONGEST_TEXT:,} letters.")
    key = ImageKey(prompt, seed)
    if key in images:
        raise StudyError(f"{on_one_line(str(file))}: there are two images of one prompt with the seed {seed}.")
    images[key] = ModelImage(file)


def _facts_of(file: Path) -> dict[str, str]:
    """Return what an image's metadata say; an image that can't be opened is refused later, by its name."""
    from tia2.decoding import read_picture

    try:
        picture = read_picture(file.read_bytes())
    except OSError as error:
        raise StudyError(f"{file} can't be read: {error.strerror}.") from None
    except ImageFileError as error:
        raise StudyError(f"{on_one_line(str(file))} is no image that can be shown: {error}.") from None
    return {str(key): value for key, value in picture.info.items() if isinstance(value, str)}
