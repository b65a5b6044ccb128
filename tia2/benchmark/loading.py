"""Load any benchmark: a config of TIA2, a folder or Parquet file, or a dataset that is in memory already."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tia2._version import __version__
from tia2.benchmark import configs
from tia2.benchmark.configs import CONFIGS
from tia2.benchmark.reading.folders import only_split, read
from tia2.benchmark.reading.remote import from_hub, from_store, hub_id
from tia2.benchmark.upstream.layout import has_annotations
from tia2.errors import BenchmarkError, ImageFileError, Tia2Error, UnknownNameError, unknown_name
from tia2.storage import is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import datasets
    import pandas as pd
    from PIL import Image

    from tia2.benchmark.judgements.ratings import RatingScale

SPLIT = "test"
MINI = "mini"


def load(
    benchmark: str | os.PathLike[str] | datasets.Dataset | datasets.DatasetDict | Benchmark,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    split: str | None = None,
    config: str | None = None,
    how_made: Mapping[str, str] | None = None,
    scale: RatingScale | Mapping[str, object] | None = None,
) -> Benchmark:
    """Load a benchmark.

    Of several splits, `test` is the benchmark. Files that would be left out are named and refused, or said in a warning
    where they belong to another split. The stored columns count, whatever format or transform a dataset carries.

    Args:
        benchmark: A config of TIA2 ("all", "comprehensive", "counting", "composition", "mini"); a folder: one that
            `tia2 data export` or `save_to_disk` wrote, one with Parquet files, or one in upstream's layout; a Parquet
            file; a URL of either, such as s3://bucket/folder; a dataset repository of the Hub, OWNER/NAME; or a
            dataset. Needed columns: item_id, subset, prompt_id, prompt, and votes, ratings or human_score.
        data_dir: A local copy of TIA2 in upstream's layout, for TIA2's configs only. If None, the variable
            TIA2_DATA_DIR is asked, and without it the annotations are downloaded.
        split: Name of a split, or "all" for every file of a folder; None for the only one, or "test".
        config: Name of a config of a folder's card; None for its default.
        how_made: Text on how `human_score` or `label` was made, by column, where it contradicts votes or scores by
            design; a folder's card says it as `how_made:` in its front matter.
        scale: Scale of ratings and the rule by which an item is aligned: a `RatingScale` or its fields; a folder's card
            says it as `ratings:` in its front matter.

    Returns:
        The benchmark.

    Raises:
        UnknownNameError: No such config, split, file or folder.
        BenchmarkError: It can't be read, or isn't in the documented columns.
        DownloadError: The annotations could not be downloaded.

    Example:
        >>> from datasets import Dataset
        >>> rows = [{"item_id": "a/0", "subset": "a", "prompt_id": "a/0", "prompt": "a cat", "votes": [1, 0, -1]}]
        >>> load(Dataset.from_list(rows)).items.human_score.tolist()
        [0.5]
    """
    import datasets

    if isinstance(benchmark, Benchmark):
        return benchmark
    if isinstance(benchmark, str) and benchmark in CONFIGS:
        if config is not None or split not in (None, SPLIT):
            raise BenchmarkError(
                f"{benchmark!r} is a config with the split {SPLIT!r} alone: leave config and split out."
            )
        return Benchmark(_config(benchmark, data_dir), benchmark)
    if data_dir is not None:
        raise BenchmarkError(f"data_dir is for the configs {', '.join(CONFIGS[:-1])}; {benchmark!r} is none of them.")
    if isinstance(benchmark, datasets.Dataset | datasets.DatasetDict):
        dataset = only_split(benchmark, "the dataset", split)
        return Benchmark(dataset, dataset.info.dataset_name or "dataset", how_made, scale)
    if not isinstance(benchmark, str | os.PathLike):
        raise BenchmarkError(f"Expected a config, path or dataset as benchmark, got {type(benchmark).__name__}.")
    path = Path(benchmark).expanduser()
    if path.exists():
        return _from_path(path.resolve(), split, config, how_made, scale)
    if repository := hub_id(str(benchmark)):
        copy, name = from_hub(repository), repository.partition("/")[2]
        return _from_path(copy, split, config, how_made, scale, name)
    if is_url(benchmark):
        return _from_path(from_store(str(benchmark)), split, config, how_made, scale)
    if os.sep in str(benchmark) or path.suffix:
        raise BenchmarkError(f"{str(benchmark)!r} is no file or folder, and no config ({', '.join(CONFIGS)}).")
    error = unknown_name("benchmark", str(benchmark), CONFIGS)
    raise UnknownNameError(f"{error} A file or folder would do as well, and there is none of that name.")


class Benchmark:
    """Prompts, images and human judgements, checked.

    Attributes:
        name: The config's, folder's or file's name.
        dataset: The rows, as a Hugging Face dataset without format or transform.
        how_made: Text on how human_score or label was made, by column, where it contradicts votes or scores by design.
        scale: Scale of the ratings, with the rule by which an item is aligned; None where people gave votes.
        notes: Sentences on where it comes from and what was left out, for the card.
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        name: str,
        how_made: Mapping[str, str] | None = None,
        scale: RatingScale | Mapping[str, object] | None = None,
    ) -> None:
        from tia2.benchmark.items import checked_items
        from tia2.benchmark.judgements.ratings import RatingScale

        self.name = name
        # A format or transform changes what a row looks like, and is meant for training.
        self.dataset = dataset.with_format(None)
        self.how_made = dict(how_made or {})
        self.scale = None if scale is None else RatingScale.of(scale, f"Benchmark {name!r}")
        self.notes: list[str] = []
        self._folder = Path.cwd()
        self._items = checked_items(self.dataset, name, self.how_made, self.scale)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        prompts = self._items["prompt_id"].nunique()
        images = "with images" if self.has_images else "without images"
        return f"Benchmark({self.name!r}, {len(self):,} items of {prompts:,} prompts, {images})"

    @property
    def items(self) -> pd.DataFrame:
        """All columns but the image, one row per item; treat it as read-only.

        human_score and label are always there; contrastive_prompts is a list (maybe empty); votes and ratings only
        where given.
        """
        return self._items

    @cached_property
    def missing_images(self) -> list[str]:
        """The ids of the items that have no image."""
        if self._undecoded is None:
            return list(self._items["item_id"])
        import pyarrow.compute as pc

        column = self._undecoded.with_format("arrow")[:]["image"]
        absent = pc.and_(pc.is_null(pc.struct_field(column, "bytes")), pc.is_null(pc.struct_field(column, "path")))
        return list(self._items["item_id"][absent.to_numpy(zero_copy_only=False)])

    @cached_property
    def has_images(self) -> bool:
        """Whether every item has an image; `missing_images` names those that have none."""
        return not self.missing_images

    @property
    def image_advice(self) -> str:
        """A sentence that says how items without an image get theirs."""
        return image_advice(self.name)

    def image_bytes(self, index: int) -> bytes | None:
        """Return an item's image file as it is, or None if it has no image.

        Args:
            index: The item's position.

        Returns:
            The undecoded bytes.

        Raises:
            BenchmarkError: The image file has gone.
        """
        if self._undecoded is None:
            return None
        image = self._undecoded[int(index)]["image"]
        if image is None or (image["bytes"] is None and image["path"] is None):
            return None
        if image["bytes"] is not None:
            return bytes(image["bytes"])
        try:
            # Relative to where the benchmark was loaded: a reward's code may have changed the folder since.
            content: bytes = (self._folder / image["path"]).read_bytes()
        except (OSError, ValueError) as error:  # a null character in the path is a ValueError
            item = self._items["item_id"].iloc[index]
            raise BenchmarkError(f"The image of {item} can't be read: {error}.") from None
        return content

    def images(self, indices: Iterable[int]) -> list[Image.Image]:
        """Return decoded images, converted to RGB.

        Args:
            indices: The items' positions.

        Returns:
            One RGB image per index, turned upright where the file says so.

        Raises:
            BenchmarkError: An item has no image, or a damaged one.
        """
        return [self._image(int(index)) for index in indices]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over what a reward model is asked: ids, prompts and contrastive prompts of all items in order."""
        from tia2.benchmark.items import ASKED, digest

        return digest(self._items[list(ASKED)])

    @cached_property
    def votes_fingerprint(self) -> str:
        """SHA-256 over what people answered: id, votes, ratings, human score and label of all items in order."""
        from tia2.benchmark.items import ANSWERED, digest

        return digest(self._items[[column for column in ANSWERED if column in self._items]])

    @cached_property
    def scores_fingerprint(self) -> str:
        """SHA-256 over id and human score of all items in order: what files of before 0.2 have for the votes."""
        from tia2.benchmark.items import SCORED, digest

        return digest(self._items[list(SCORED)])

    @cached_property
    def _undecoded(self) -> datasets.Dataset | None:
        import datasets

        if "image" not in self.dataset.column_names:
            return None
        images = self.dataset.select_columns(["image"])
        try:
            return images.cast_column("image", datasets.Image(decode=False))
        except (TypeError, ValueError, NotImplementedError) as error:  # pyarrow's errors are among them
            kind = images.features["image"]
            raise BenchmarkError(f"Benchmark {self.name!r}: column image is {kind}, not images: {error}") from None

    def _image(self, index: int) -> Image.Image:
        item = self._items["item_id"].iloc[index]
        content = self.image_bytes(index)
        if content is None:
            count = len(self.missing_images)
            raise BenchmarkError(
                f"{item} has no image; {count:,} of {len(self):,} items of {self.name} have none. {self.image_advice}"
            )
        return decode(content, item)


def image_advice(name: str) -> str:
    """Return a sentence that says how a benchmark's items get their images.

    Args:
        name: Name of the benchmark: a config of TIA2, or another.
    """
    # Contrastive prompts of one's own add to the name.
    if name.partition(" + ")[0] in CONFIGS:
        return "`tia2 data download` says how to get them."
    return "Images belong into the column image, as the files' bytes or paths."


def decode(content: bytes, item: str) -> Image.Image:
    """Return an image file's picture as RGB, turned upright where the file says so.

    Args:
        content: The file's bytes.
        item: The item's id, for the error.

    Returns:
        The picture, read to its end.

    Raises:
        BenchmarkError: The file is damaged, or no image.
    """
    from tia2.decoding import read_rgb

    try:
        return read_rgb(content)
    except ImageFileError as error:
        raise BenchmarkError(
            f"The image of {item} is damaged ({error}); `tia2 data check` lists every such image."
        ) from None


def _config(name: str, data_dir: str | os.PathLike[str] | None) -> datasets.Dataset:
    from tia2.benchmark.builder import Tia2

    if name == MINI and data_dir is None:
        return _embedded()
    try:
        # Straight to the builder: it works even where the hook into load_dataset does not, and shares its cache.
        builder = Tia2(config_name=name, data_dir=None if data_dir is None else os.fspath(data_dir))
        builder.download_and_prepare()
        return builder.as_dataset(split=SPLIT)
    except OSError as error:
        if isinstance(error, Tia2Error) or error.errno is None:
            raise
        raise BenchmarkError(
            f"The cache that datasets keeps can't be written: {error}. HF_HOME moves it, HF_DATASETS_CACHE it alone."
        ) from None


def _embedded() -> datasets.Dataset:
    """Return the embedded benchmark in memory: it is small, and so needs no cache that could be written to."""
    import datasets
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from tia2.benchmark.columns import features
    from tia2.benchmark.shards import parquet_shards

    parquet_shards(configs.MINI_PARQUET)  # says what is wrong with the file
    columns = features()
    with pq.ParquetFile(configs.MINI_PARQUET) as file:  # read_table is ready for folders, and takes twice as long
        table = file.read(columns=list(columns)).combine_chunks()
    # By their bytes alone: datasets would rather open a file of that name in the working directory.
    content = pc.struct_field(table.column("image"), "bytes").combine_chunks()
    images = pa.StructArray.from_arrays([content, pa.nulls(len(table), pa.string())], ["bytes", "path"])
    position = table.column_names.index("image")
    table = table.set_column(position, "image", images).cast(columns.arrow_schema)
    info = datasets.DatasetInfo(features=columns, dataset_name="tia2", config_name=MINI)
    # Given, since datasets would digest all images for it.
    return datasets.Dataset(table, info=info, split=datasets.Split.TEST, fingerprint=f"tia2-{MINI}-{__version__}")


def _from_path(
    path: Path,
    split: str | None,
    config: str | None,
    how_made: Mapping[str, str] | None,
    scale: RatingScale | Mapping[str, object] | None,
    title: str | None = None,
) -> Benchmark:
    if path.is_dir() and has_annotations(path):
        name = config or "all"
        if split not in (None, SPLIT):
            raise BenchmarkError(f"{path} has the split {SPLIT!r} alone: leave split out.")
        return Benchmark(_config(name, path), name)
    if path.is_file() and path.suffix.lower() != ".parquet":
        raise BenchmarkError(f"Expected a .parquet file or a folder, got {path}.")
    rows = read(path, split=split, config=config)
    stem = rows.name or title or path.stem
    name = f"{stem}-{config}" if config else stem
    stated = rows.scale if scale is None else scale
    return Benchmark(rows.dataset, name, {**rows.how_made, **(how_made or {})}, stated)
