"""The card (README.md) of an exported benchmark: front matter that datasets and the Hub read, and a text for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tia2.benchmark.configs import CONFIGS
from tia2.benchmark.loading import SPLIT
from tia2.benchmark.summary import summarise

if TYPE_CHECKING:
    import datasets

    from tia2.benchmark.loading import Benchmark

_COLUMNS = """| column | meaning |
|---|---|
| item_id | the item: one (prompt, image) pair |
| subset, prompt_id, prompt | what it belongs to, and the prompt itself |
| image | the image, embedded |
| votes | 1 aligned, 0 not, -1 unsure |
| human_score | mean of the votes, an unsure vote counted as 0.5 |
| label | aligned: the human score is above 0.5 |
| contrastive_prompts | prompts that TextNorm compares the prompt with, as released |"""
_RATED_COLUMNS = """| column | meaning |
|---|---|
| item_id | the item: one (prompt, image) pair |
| subset, prompt_id, prompt | what it belongs to, and the prompt itself |
| image | the image, embedded |
| ratings | people's ratings, None where one is missing |
| human_score | mean of the ratings, scaled to 0 to 1 |
| label | aligned, by the rule above |
| contrastive_prompts | prompts that TextNorm compares the prompt with |"""
_PAIR_COLUMNS = """| column | meaning |
|---|---|
| item_id | the item: one (prompt, image) pair |
| subset, prompt_id, prompt | what it belongs to, and the prompt itself |
| image | the image, embedded |
| compared_with | the items that it was compared with, one per vote; each pair is listed by one of its items |
| preferences | what each vote says: 1 this item is the better one, 0 the other, 0.5 a tie |
| human_score | share of the votes on all its pairs that the item got, a tie as 0.5 |
| label | preferred in more than half of these votes |
| contrastive_prompts | prompts that TextNorm compares the prompt with |"""
_ORIGIN = {
    "tia2": """The Text-Image Alignment Assessment benchmark of Kim et al., "Confidence-aware Reward Optimization for
Fine-tuning Text-to-Image Models" (ICLR 2024, arXiv 2404.01863); annotations from kykim0/TextNorm, Apache-2.0.
The images are samples of Stable Diffusion 2.1, three people voted on each.""",
    "mini": """A miniature world of coloured shapes, made for TIA2. The images are samples of a small diffusion model.
**The votes are simulated**, not given by people. Apache-2.0.""",
}


class ConfigFiles(NamedTuple):
    """A config's files and their sizes.

    Attributes:
        name: The config's name.
        patterns: Glob patterns of its files, relative to the benchmark's folder.
        items: Rows in these files.
        file_bytes: Size of the files on disk.
        data_bytes: Size of the rows in memory.
    """

    name: str
    patterns: list[str]
    items: int
    file_bytes: int
    data_bytes: int

    @classmethod
    def of(cls, name: str, patterns: list[str], files: list[Path]) -> ConfigFiles:
        """Measure a config's Parquet files."""
        import pyarrow.parquet as pq

        footers = [pq.read_metadata(path) for path in files]
        groups = [
            footer.row_group(index).total_byte_size for footer in footers for index in range(footer.num_row_groups)
        ]
        return cls(
            name,
            patterns,
            sum(footer.num_rows for footer in footers),
            sum(path.stat().st_size for path in files),
            sum(groups),
        )


def card_text(benchmark: Benchmark, features: datasets.Features, subsets: list[ConfigFiles]) -> str:
    """Return the README.md of an exported benchmark.

    Args:
        benchmark: The benchmark.
        features: The columns as written.
        subsets: One config per subset; over several, a default config `all` is added.

    Returns:
        Front matter with configs and sizes, then a summary for people.
    """
    from datasets import DatasetInfo
    from datasets.info import DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    configs = list(subsets)
    if len(subsets) > 1:
        configs.insert(
            0,
            ConfigFiles(
                "all",
                [pattern for subset in subsets for pattern in subset.patterns],
                sum(subset.items for subset in subsets),
                sum(subset.file_bytes for subset in subsets),
                sum(subset.data_bytes for subset in subsets),
            ),
        )
    origin = ("mini" if benchmark.name == "mini" else "tia2") if benchmark.name in CONFIGS else None
    title = {"tia2": "TIA2", "mini": "TIA2 mini"}.get(origin or "", benchmark.name)
    data = DatasetCardData(
        license="apache-2.0" if origin else None,
        language=["en"] if origin else None,
        pretty_name=title,
        task_categories=["text-to-image"],
        size_categories=[_size_category(len(benchmark))],
    )
    if benchmark.scale is not None:
        data["ratings"] = benchmark.scale.written()
    if benchmark.notes:  # made of somebody's table: called so wherever its folder lies
        data["benchmark_name"] = benchmark.name
    if benchmark.how_made:
        data["how_made"] = benchmark.how_made
    metadata: dict[str, dict[str, object]] = {}
    infos = {}
    for number, config in enumerate(configs):
        metadata[config.name] = {"data_files": [{"split": SPLIT, "path": config.patterns}]}
        if number == 0:
            metadata[config.name]["default"] = True
        splits = SplitDict()
        splits.add(SplitInfo(SPLIT, num_bytes=config.data_bytes, num_examples=config.items))
        infos[config.name] = DatasetInfo(
            features=features,
            splits=splits,
            download_size=config.file_bytes,
            dataset_size=config.data_bytes,
            config_name=config.name,
        )
    MetadataConfigs(metadata).to_dataset_card_data(data)
    DatasetInfosDict(infos).to_dataset_card_data(data)
    return f"---\n{data.to_yaml()}\n---\n\n{_body(benchmark, title, origin, configs[0].name)}"


def _body(benchmark: Benchmark, title: str, origin: str | None, default: str) -> str:
    from tia2.benchmark.builder import CITATION

    lines = [f"# {title}", ""]
    if origin:
        lines += [_ORIGIN[origin], ""]
    for note in benchmark.notes:
        lines += [note, ""]
    rated, compared = benchmark.scale is not None, "preferences" in benchmark.items
    judged = "ratings" if rated else "pairs | votes" if compared else "votes | items with an unsure vote"
    lines += [
        f"| subset | prompts | items | {judged} | aligned | images |",
        "|---|---|---|---|---|---|" + "---|" * (not rated),
    ]
    for subset in summarise(benchmark):
        judgements = f"{subset.ratings:,}" if rated else f"{subset.votes:,} | {subset.unsure_items:,}"
        judgements = f"{subset.pairs:,} | {subset.preferences:,}" if compared else judgements
        lines.append(
            f"| {subset.subset} | {subset.prompts:,} | {subset.items:,} | {judgements} | {subset.human_rate:.1%} "
            f"| {subset.images:,} |"
        )
    if benchmark.scale is not None:
        lines += ["", f"An item is aligned by this rule: {benchmark.scale.rule}."]
        if benchmark.scale.raters:
            lines.append(f"The ratings of an item are, in order, those of {', '.join(benchmark.scale.raters)}.")
    lines += [
        "",
        "```python",
        "from datasets import load_dataset",
        f'load_dataset("DIR", "{default}", split="{SPLIT}")',
    ]
    lines += ["```", "", _RATED_COLUMNS if rated else _PAIR_COLUMNS if compared else _COLUMNS, ""]
    if origin == "tia2":
        lines += ["```bibtex", CITATION, "```", ""]
    return "\n".join(lines)


def _size_category(items: int) -> str:
    limits = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for limit, name in limits if items < limit), "n>1M")
