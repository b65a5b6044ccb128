"""The `datasets` builder behind `load_dataset("tia2")`.

datasets replaces `open`, `os.path.join`, `pathlib.Path` and more in a builder's own module, so this one leaves every
file to its neighbours.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import datasets
from datasets.exceptions import DatasetGenerationError
from datasets.load import DatasetModule

from tia2.benchmark import columns, configs
from tia2.benchmark.shards import ParquetShard, PromptShard, parquet_shards, prompt_shards
from tia2.benchmark.upstream import image_files, layout, sources
from tia2.benchmark.upstream.annotations import AnnotatedPrompt, read_subset
from tia2.errors import BenchmarkError, Tia2Error, unknown_name

logger = logging.getLogger("tia2")

_SOURCES = (
    "builder.py",
    "columns.py",
    "shards.py",
    "upstream/annotations.py",
    "upstream/image_files.py",
    "votes.py",
)
_PAPER = "https://arxiv.org/abs/2404.01863"
CITATION = """@inproceedings{kim2024confidence,
  title     = {Confidence-aware Reward Optimization for Fine-tuning Text-to-Image Models},
  author    = {Kim, Kyuyoung and Jeong, Jongheon and An, Minyong and Ghavamzadeh, Mohammad and
               Dvijotham, Krishnamurthy Dj and Shin, Jinwoo and Lee, Kimin},
  booktitle = {The Twelfth International Conference on Learning Representations},
  year      = {2024},
}"""
_DESCRIPTIONS = {
    "all": "All 27,500 items of TIA2: comprehensive, counting and composition.",
    "comprehensive": "100 varied prompts, 50 images each.",
    "counting": "150 prompts that ask for a number of things, 50 images each.",
    "composition": "300 prompts that ask for two kinds of things, 50 images each.",
    "mini": "60 prompts of a miniature world, 50 images each, with simulated votes; ships with the package.",
}


class Tia2Config(datasets.BuilderConfig):  # type: ignore[misc]
    """A config whose cache key follows the files in `data_dir`, not only the folder's name."""

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:
        """Return the cache key: a changed, added or removed annotation or image gives another one."""
        others = {key: value for key, value in config_kwargs.items() if key != "data_dir"}
        config_id: str = super().create_config_id(others, custom_features)
        if self.name == "mini":
            return f"{config_id}-{_mini_key()}"
        return config_id if self.data_dir is None else f"{config_id}-{_data_dir_key(self.data_dir, self.name)}"


class Tia2(datasets.GeneratorBasedBuilder):  # type: ignore[misc]
    """Builds any config of TIA2 from the annotations and, where there are any, the image_files."""

    BUILDER_CONFIG_CLASS = Tia2Config
    BUILDER_CONFIGS = [  # noqa: RUF012
        Tia2Config(name=name, version=datasets.Version("1.0.0"), description=text)
        for name, text in _DESCRIPTIONS.items()
    ]
    DEFAULT_CONFIG_NAME = "all"

    def __init__(
        self,
        *,
        config_name: str | None = None,
        data_dir: str | None = None,
        hash: str | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> None:
        name = config_name or self.DEFAULT_CONFIG_NAME
        if name not in configs.CONFIGS:
            raise unknown_name("config of tia2", name, configs.CONFIGS)
        if name == "mini":
            if data_dir is not None:
                raise BenchmarkError("Config 'mini' ships with the package and takes no data_dir.")
            folder = None
        else:
            folder = layout.resolve_data_dir(data_dir)
        super().__init__(
            config_name=name,
            data_dir=None if folder is None else str(folder),
            hash=hash or source_hash(),
            **{"dataset_name": "tia2", **kwargs},
        )

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=self.config.description,
            features=columns.features(),
            homepage=_PAPER,
            license="Apache-2.0",
            citation=CITATION,
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        shards = self._shards()
        if dl_manager.is_streaming and all(isinstance(shard, PromptShard) for shard in shards):
            absent = [
                shard.prompt.item_id(index) for shard in shards for index, ref in enumerate(shard.images) if ref is None
            ]
            self._tell_missing(absent, sum(len(shard.images) for shard in shards))
        # A list, and one shard per prompt: datasets splits lists, and nothing else, over processes and workers.
        return [datasets.SplitGenerator(name=datasets.Split.TEST, gen_kwargs={"shards": shards})]

    def _shards(self) -> list[Any]:
        if self.config.name == "mini":
            return list(parquet_shards(configs.MINI_PARQUET))
        subsets = configs.subsets_of(self.config.name)
        folder = layout.resolve_data_dir(self.config.data_dir) if self.config.data_dir else None
        root = sources.annotations_root(folder, subsets)
        shards: list[PromptShard] = []
        for subset in subsets:
            prompts = read_subset(root, subset)
            image_set = image_files.find_images(folder, subset)
            _tell_surplus(image_set, prompts)
            shards += prompt_shards(prompts, image_set)
        return shards

    def _generate_examples(self, shards: list[PromptShard | ParquetShard]) -> Iterator[tuple[str, dict[str, Any]]]:
        seen: set[str] = set()
        with image_files.ImageReader() as reader:
            for shard in shards:
                for row in shard.rows(reader):
                    if row["item_id"] in seen:
                        raise BenchmarkError(f"Item {row['item_id']!r} appears twice.")
                    seen.add(row["item_id"])
                    yield row["item_id"], row

    def _prepare_split_single(self, **kwargs: Any) -> Iterator[Any]:
        # Here, not around the whole: a worker process passes on the error itself, but not its cause.
        try:
            yield from super()._prepare_split_single(**kwargs)
        except DatasetGenerationError as error:
            if isinstance(error.__cause__, Tia2Error):
                raise error.__cause__ from None
            raise

    def _as_dataset(self, *args: Any, **kwargs: Any) -> datasets.Dataset:
        dataset = super()._as_dataset(*args, **kwargs)
        column = dataset.data.column("image")
        if column.null_count:
            absent = column.is_null().to_pylist()
            ids = dataset.data.column("item_id").to_pylist()
            self._tell_missing([name for name, missing in zip(ids, absent, strict=True) if missing], len(ids))
        return dataset

    def _tell_missing(self, absent: list[str], total: int) -> None:
        if len(absent) == total:
            where = "DIR" if self.config.data_dir is None else self.config.data_dir
            _tell_once(
                f"tia2: there are no images, so the column image is None. They go to {where}/images/<subset>/, "
                f"with data_dir={where!r}; `tia2 data download` says how to get them."
            )
        elif absent:
            _tell_once(
                f"tia2/{self.config.name}: {len(absent):,} of {total:,} items have no image, first {absent[0]}; "
                f"`tia2 data check --data-dir {self.config.data_dir}` names them."
            )


def resolve(revision: object = None, data_files: object = None) -> DatasetModule:
    """Return what datasets needs to make the builder for the name "tia2".

    Args:
        revision: Has to be None.
        data_files: Has to be None.

    Raises:
        BenchmarkError: One of them is given; neither means anything here.
    """
    if revision is not None:
        raise BenchmarkError(
            f"revision={str(revision)!r} can't be chosen: tia2 reads the annotations of {sources.REPOSITORY} at "
            f"commit {sources.COMMIT[:12]}, checked by sha256. Pass data_dir= to read others."
        )
    if data_files is not None:
        raise BenchmarkError("tia2 takes no data_files=; pass the folder that holds them as data_dir=.")
    return DatasetModule("tia2.benchmark.builder", source_hash(), {"dataset_name": "tia2"})


@functools.cache
def source_hash() -> str:
    """Return a hash over the released checksums and the code that makes rows: the cache key's fixed part."""
    digest = hashlib.sha256(json.dumps(sources.SHA256, sort_keys=True).encode())
    for name in _SOURCES:
        digest.update(files("tia2.benchmark").joinpath(name).read_bytes())
    return digest.hexdigest()[:32]


def _data_dir_key(data_dir: str, config: str) -> str:
    folder = layout.resolve_data_dir(data_dir)
    digest = hashlib.sha256(str(folder).encode())
    for subset in configs.subsets_of(config):
        for path in sources.annotation_files([subset]):
            digest.update(json.dumps([path, image_files.stamp(folder, path)]).encode())
        location = image_files.location_of(folder, subset)
        if location is not None:
            digest.update(str(location).encode())
            for entry in image_files.listing(location):
                digest.update(json.dumps(entry).encode())
    return digest.hexdigest()[:16]


def _mini_key() -> str:
    return sources.sha256_of(configs.MINI_PARQUET)[:16] if configs.MINI_PARQUET.is_file() else "absent"


def _tell_surplus(image_set: image_files.ImageSet | None, prompts: list[AnnotatedPrompt]) -> None:
    if image_set is None:
        return
    surplus = sorted(image_set.refs.keys() - {file for prompt in prompts for file in prompt.files})
    if surplus:
        _tell_once(
            f"{image_set.location}: {len(surplus):,} files belong to no item, first {surplus[0]!r}; passed over."
        )


@functools.cache
def _tell_once(text: str) -> None:
    logger.warning(text)
