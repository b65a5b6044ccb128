"""Write a benchmark as Parquet with embedded images and a card, so that `load_dataset(DIR)` needs none of our code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.benchmark.columns import ALL_COLUMNS, all_features
from tia2.benchmark.loading import SPLIT, Benchmark, load
from tia2.benchmark.reading.remote import hub_id
from tia2.errors import BenchmarkError, first_line
from tia2.files import new_folder
from tia2.progress import Progress, silent

if TYPE_CHECKING:
    import datasets

SHARD_BYTES = 500_000_000
ROW_GROUP = 100


def export(
    benchmark: str | os.PathLike[str] | Benchmark,
    folder: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    split: str | None = None,
    config: str | None = None,
    allow_missing: bool = False,
    shard_bytes: int = SHARD_BYTES,
    progress: Progress = silent,
) -> Path:
    """Write a benchmark into a new folder: a config per subset, and the default `all` over several.

    The folder appears as a whole or not at all.

    Args:
        benchmark: Anything that `tia2.benchmark.load` takes.
        folder: The folder to write; must not exist, or be empty.
        data_dir: A local copy of TIA2, as `tia2.benchmark.load` takes it.
        split: Name of a split, as `tia2.benchmark.load` takes it.
        config: Name of a config, as `tia2.benchmark.load` takes it.
        allow_missing: Whether items without an image are written too, with an empty image.
        shard_bytes: Most bytes of images in one Parquet file, about.
        progress: Called with the subset, the items written, and the items in all.

    Returns:
        The folder, as an absolute path.

    Raises:
        BenchmarkError: The folder isn't empty, or items have no image.
    """
    target = Path(folder).expanduser().resolve()
    _refuse_occupied(target)
    loaded = load(benchmark, data_dir=data_dir, split=split, config=config)
    if loaded.missing_images and not allow_missing:
        raise BenchmarkError(
            f"{len(loaded.missing_images):,} of {len(loaded):,} items of {loaded.name} have no image, first "
            f"{loaded.missing_images[0]}. `tia2 data check` names them; --allow-missing (allow_missing=True) "
            "writes them without."
        )
    with new_folder(target, BenchmarkError) as unfinished:
        _write(loaded, unfinished, shard_bytes, progress)
    return target


def push(
    folder: str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    api: Any = None,
) -> str:
    """Upload an exported benchmark to a dataset repository of the Hugging Face Hub, in one commit.

    `datasets.load_dataset(repository)` and `tia2.benchmark.load(repository)` then read it. Files are streamed from the
    disk; Parquet files of an earlier export that this one doesn't have are deleted by the same commit.

    Args:
        folder: The folder that `export` wrote.
        repository: OWNER/NAME; made if there is none.
        private: Whether a repository that is made is private.
        api: A `huggingface_hub.HfApi`; one for the account that is logged in if None.

    Returns:
        The address of the dataset.

    Raises:
        BenchmarkError: The folder holds no export, the name is none of a repository, or the Hub refuses or can't be
            reached.

    Example:
        >>> push(export("mini", "exports/mini"), "org/mini")  # doctest: +SKIP
        'https://huggingface.co/datasets/org/mini'
    """
    from huggingface_hub import HfApi

    source = Path(folder).expanduser()
    if not (source / "README.md").is_file():
        raise BenchmarkError(f"{source} holds no exported benchmark (no README.md).")
    if hub_id(repository) != repository:
        raise BenchmarkError(f"Expected a dataset repository as OWNER/NAME, got {repository!r}.")
    client = api or HfApi()
    try:
        address = client.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        client.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=source,
            commit_message="Export of tia2",
            delete_patterns=["*.parquet"],
        )
    except Exception as error:  # the Hub's client, the network and proxies each raise their own
        raise BenchmarkError(
            f"{repository} can't be pushed to the Hub: {first_line(error).rstrip('.')}. Log in with `hf auth login`; "
            f"the export is kept in {source}."
        ) from None
    return str(address)


def _refuse_occupied(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()):
        raise BenchmarkError(f"{target} is not empty; export needs a new or empty folder.")
    if target.exists() and not target.is_dir():
        raise BenchmarkError(f"{target} is a file; export needs a new or empty folder.")


def _write(benchmark: Benchmark, root: Path, shard_bytes: int, progress: Progress) -> None:
    from tia2.benchmark.card import ConfigFiles, card_text

    rows = _rows(benchmark)
    positions = benchmark.items.groupby("subset", sort=False).indices
    configs = []
    for subset, indices in positions.items():
        name = str(subset)
        if not name.replace("-", "").replace("_", "").isalnum() or name == "all":
            raise BenchmarkError(f"Subset {name!r} can't be a folder and config; use letters, digits, - and _.")
        (root / name).mkdir()
        written = _write_subset(rows.select(list(indices)), root / name, shard_bytes, progress)
        configs.append(ConfigFiles.of(name, [f"{name}/{SPLIT}-*.parquet"], written))
    (root / "README.md").write_text(card_text(benchmark, rows.features, configs), encoding="utf-8")


def _rows(benchmark: Benchmark) -> datasets.Dataset:
    """Return the documented columns in their order and types, images undecoded."""
    import datasets

    kinds = all_features()
    items = benchmark.items
    columns = [column for column in ALL_COLUMNS if column in items]
    rows = datasets.Dataset.from_dict(
        {column: items[column].tolist() for column in columns},
        features=datasets.Features({column: kinds[column] for column in columns}),
    )
    if "image" in benchmark.dataset.column_names:
        images = benchmark.dataset.select_columns(["image"]).cast_column("image", datasets.Image())
        rows = datasets.concatenate_datasets([rows, images], axis=1)
    else:
        rows = rows.add_column("image", [None] * len(rows), feature=kinds["image"])
    return rows.select_columns([column for column in ALL_COLUMNS if column in rows.column_names])


def _write_subset(rows: datasets.Dataset, folder: Path, shard_bytes: int, progress: Progress) -> list[Path]:
    import pyarrow.parquet as pq
    from datasets.table import embed_table_storage  # Dataset.to_parquet would store the paths of local files

    shards = max(1, min(len(rows), -(-_image_bytes(rows) // shard_bytes)))
    written = []
    done = 0
    for index in range(shards):
        piece = rows.shard(shards, index, contiguous=True)
        path = folder / f"{SPLIT}-{index:05d}-of-{shards:05d}.parquet"
        with pq.ParquetWriter(path, schema=rows.features.arrow_schema) as writer:
            for table in piece.with_format("arrow").iter(batch_size=ROW_GROUP):
                writer.write_table(embed_table_storage(table))
                done += len(table)
                progress(folder.name, done, len(rows))
        written.append(path)
    return written


def _image_bytes(rows: datasets.Dataset) -> int:
    import pyarrow.compute as pc

    total = 0
    for table in rows.select_columns(["image"]).with_format("arrow").iter(batch_size=ROW_GROUP):
        column = table.column("image")
        # Lengths alone: the images themselves are not read for this.
        content = pc.struct_field(column, "bytes")
        total += pc.sum(pc.binary_length(content)).as_py() or 0
        paths = pc.filter(pc.struct_field(column, "path"), pc.is_null(content)).to_pylist()
        total += sum(Path(path).stat().st_size for path in paths if path is not None)
    return total
