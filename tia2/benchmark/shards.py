"""Pieces of a benchmark that yield rows one after the other: one per prompt, or one per Parquet row group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tia2.benchmark.upstream.annotations import AnnotatedPrompt
from tia2.benchmark.upstream.image_files import ImageReader, ImageRef, ImageSet
from tia2.benchmark.votes import human_score, is_aligned
from tia2.errors import BenchmarkError


@dataclass(frozen=True)
class PromptShard:
    """The items of one prompt, with a reference to each one's image where there is one."""

    prompt: AnnotatedPrompt
    images: tuple[ImageRef | None, ...]

    def rows(self, reader: ImageReader) -> Iterator[dict[str, Any]]:
        """Yield a row per item; an image that is a file of its own stays one, an archive's is read."""
        prompt = self.prompt
        for index, (votes, ref) in enumerate(zip(prompt.votes, self.images, strict=True)):
            score = human_score(votes)
            yield {
                "item_id": prompt.item_id(index),
                "subset": prompt.subset,
                "prompt_id": prompt.prompt_id,
                "prompt": prompt.prompt,
                "image": None if ref is None else _image(ref, reader),
                "votes": list(votes),
                "human_score": score,
                "label": is_aligned(score),
                "contrastive_prompts": list(prompt.contrastive),
            }


@dataclass(frozen=True)
class ParquetShard:
    """One row group of a Parquet file that has the benchmark's columns already."""

    path: str
    row_group: int

    def rows(self, reader: ImageReader) -> Iterator[dict[str, Any]]:
        """Yield the rows as they are, images by their bytes alone."""
        del reader
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            for row in file.read_row_group(self.row_group).to_pylist():
                yield row | {"image": row["image"] and _embedded(row["image"]["bytes"])}


def prompt_shards(prompts: list[AnnotatedPrompt], image_set: ImageSet | None) -> list[PromptShard]:
    """Return a shard per prompt, its items joined with the images by file name."""
    refs = {} if image_set is None else image_set.refs
    return [PromptShard(prompt, tuple(refs.get(file) for file in prompt.files)) for prompt in prompts]


def parquet_shards(path: Path) -> list[ParquetShard]:
    """Return a shard per row group of a shipped Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return [ParquetShard(str(path), group) for group in range(file.num_row_groups)]
    except FileNotFoundError:
        raise BenchmarkError(f"{path} is missing from this installation of tia2; install it again.") from None
    except pa.ArrowInvalid as error:
        raise BenchmarkError(f"{path} is damaged ({error}); install tia2 again.") from None


def _image(ref: ImageRef, reader: ImageReader) -> dict[str, Any]:
    return {"path": ref.container, "bytes": None} if ref.member is None else _embedded(reader.read(ref))


def _embedded(content: bytes) -> dict[str, Any]:
    # Without the file's name: datasets would drop the bytes for any file of that name in the working directory.
    return {"path": None, "bytes": content}
