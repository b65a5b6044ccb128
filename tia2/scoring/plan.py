"""What is scored, with what: everything that stays the same during a run, and the manifest that it begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tia2.benchmark import prompt_set
from tia2.errors import BenchmarkError, ScoreTableError
from tia2.scoring.manifest import Manifest
from tia2.scoring.strategies import Strategy, Texts, first_batch_size, strategy_for, truncated

if TYPE_CHECKING:
    import pandas as pd

    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel

SHARD_SIZE = 256
"""Items in one file; at most so many are scored again after a crash."""

BadImages = Literal["stop", "skip"]


@dataclass(frozen=True)
class ScoringOptions:
    """How a benchmark is scored; `tia2.score` says what each option does.

    Raises:
        ScoreTableError: A size is below 1, or `bad_images` is something else.

    Example:
        >>> ScoringOptions(batch_size=8).shard_size
        256
    """

    batch_size: int | None = None
    shard_size: int = SHARD_SIZE
    bad_images: BadImages = "stop"
    overwrite: bool = False
    name: str | None = None
    trust_fingerprint: bool = False
    verify: bool = False

    def __post_init__(self) -> None:
        for name, size in (("batch_size", self.batch_size), ("shard_size", self.shard_size)):
            if size is not None and size < 1:
                raise ScoreTableError(f"{name} is {size}; expected at least 1.")
        if self.bad_images not in ("stop", "skip"):
            raise ScoreTableError(f"bad_images is {self.bad_images!r}; expected 'stop' or 'skip'.")


@dataclass(frozen=True)
class Plan:
    """What is scored, with what: everything that stays the same during a run.

    Attributes:
        model: The reward model.
        strategy: The strategy that runs it.
        benchmark: The benchmark.
        items: The benchmark's columns but the image, and `texts`.
        ids: The items' ids.
        texts: The texts of each item.
        distinct_texts: All of them, each once.
        bad_images: "stop" or "skip".
        verify: Whether every image of a shard that is there is looked at again, rather than the first.
    """

    model: RewardModel
    strategy: Strategy
    benchmark: Benchmark
    items: pd.DataFrame
    ids: list[str]
    texts: list[Texts]
    distinct_texts: list[str]
    bad_images: BadImages
    verify: bool = False

    @classmethod
    def of(cls, model: RewardModel, benchmark: Benchmark, bad_images: BadImages, verify: bool = False) -> Plan:
        """Return the plan for a reward model and a benchmark."""
        items = with_texts(benchmark.items)
        texts = [tuple(texts) for texts in items["texts"]]
        # First over distinct sets: the items of a prompt share theirs, and there are far fewer prompts than items.
        distinct = list(dict.fromkeys(text for texts in dict.fromkeys(texts) for text in texts))
        ids = items["item_id"].tolist()
        return cls(model, strategy_for(model), benchmark, items, ids, texts, distinct, bad_images, verify)

    def manifest(self, spec: str, options: ScoringOptions) -> Manifest:
        """Return the manifest of a table about to be scored.

        Args:
            spec: The specification that the reward model was loaded by.
            options: Options of the run.
        """
        return Manifest.begin(
            self.model,
            self.benchmark,
            spec=spec,
            name=options.name,
            batch_size=options.batch_size or first_batch_size(self.model),
            shard_size=options.shard_size,
            texts=len(self.distinct_texts),
            truncated_texts=truncated(self.model, self.distinct_texts),
        )

    def check_images(self) -> None:
        """Stop before any model runs where images are missing that must not be.

        Raises:
            BenchmarkError: Images are missing, and are not to be skipped, or all are.
        """
        missing = self.benchmark.missing_images
        if not missing or (self.bad_images == "skip" and len(missing) < len(self.benchmark)):
            return
        raise BenchmarkError(
            f"{len(missing):,} of {len(self.benchmark):,} items of benchmark {self.benchmark.name!r} have no image, "
            f"the first is {missing[0]}. {self.benchmark.image_advice}"
        )


def with_texts(items: pd.DataFrame) -> pd.DataFrame:
    """Return a benchmark's items with a column `texts`: the prompt, then its contrastive prompts, each once."""
    pairs = zip(items["prompt"], items["contrastive_prompts"], strict=True)
    texts: Any = [prompt_set(prompt, contrastive) for prompt, contrastive in pairs]
    extended: pd.DataFrame = items.assign(texts=texts)
    return extended


def shard_order(shards: int, part: int, parts: int) -> list[int]:
    """Return the order in which one of several processes takes the shards of a table.

    Its own part comes first, in order. Then come the other parts from their ends, the next one first: whoever works on
    one of them has begun at its start, and the two meet only once.

    Args:
        shards: Number of shards.
        part: Number of the process's part, from 0.
        parts: Number of parts.

    Example:
        >>> shard_order(6, 0, 1), shard_order(6, 1, 3)
        ([0, 1, 2, 3, 4, 5], [2, 3, 5, 4, 1, 0])
    """
    starts = [shards * number // parts for number in range(parts + 1)]
    order = list(range(starts[part], starts[part + 1]))
    for number in [*range(part + 1, parts), *range(part)]:
        order += reversed(range(starts[number], starts[number + 1]))
    return order
