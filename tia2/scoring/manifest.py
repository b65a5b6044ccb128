"""What a score table says about itself, in manifest.json."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.errors import ScoreTableError
from tia2.files import explain
from tia2.rewards.card import RewardCard
from tia2.rewards.identity import identity, origin

if TYPE_CHECKING:
    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel

SCHEMA_VERSION = 3
"""The highest version that is read. Raised when files get fields that an earlier version doesn't know."""

VOTES_VERSION = 2
"""The version of a table that was scored here, on votes: 2 has a reward's options and the items' digest."""

SHAPES_VERSION = 3
"""The version of a table whose rewards were computed elsewhere, or whose items have ratings."""

MOST_PARTS = 5
"""The number of changed parts of a reward model that an error names."""

PACKAGES = ("tia2", "torch", "transformers", "tokenizers", "numpy", "pillow", "datasets", "pyarrow")
"""The distributions whose version may change a reward's last digits."""


class ScoredBenchmark(BaseModel):
    """The benchmark that was scored."""

    model_config = ConfigDict(extra="forbid")

    name: str
    fingerprint: str
    """SHA-256 over ids, prompts and contrastive prompts."""
    votes_fingerprint: str
    """SHA-256 over ids, votes, ratings, human scores and labels; before schema 2 over ids and human scores."""
    scores_fingerprint: str | None = None
    """SHA-256 over ids and human scores; None before schema 2."""
    items: int
    scale: RatingScale | None = None
    """Scale of the ratings; None where people gave votes."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(handler(self), "scale" if self.scale is None else None)

    @classmethod
    def of(cls, benchmark: Benchmark) -> ScoredBenchmark:
        """Describe a benchmark."""
        return cls(
            name=benchmark.name,
            fingerprint=benchmark.fingerprint,
            votes_fingerprint=benchmark.votes_fingerprint,
            scores_fingerprint=benchmark.scores_fingerprint,
            items=len(benchmark),
            scale=benchmark.scale,
        )


class ImportedRewards(BaseModel):
    """Where rewards come from that were computed elsewhere. No image was seen."""

    model_config = ConfigDict(extra="forbid")

    computed_by: str = "unknown"
    """Person or program that computed them, as stated."""
    source: str
    """Name of the file, or kind of object, that they were read from."""
    sha256: str | None = None
    """SHA-256 of that file; None for an object."""


class ScoredReward(BaseModel):
    """The reward model that scored it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    spec: str
    """The specification that `load_reward` was given."""
    fingerprint: str
    """SHA-256 over everything that changes a reward."""
    card: RewardCard
    argument: str | None = None
    """The specification's argument, after its colon."""
    options: dict[str, JsonValue] | None = None
    """The options that the reward model was made with; None before schema 2, when they weren't kept."""
    parts: dict[str, str] = {}
    """Beginnings of the digests of what the fingerprint covers, by name, for a reward model of the user's own."""
    undigested: list[str] = []
    """What decides the rewards and could not be digested, so that the fingerprint says nothing about it."""

    @classmethod
    def of(cls, model: RewardModel, spec: str, name: str | None = None) -> ScoredReward:
        """Describe a reward model.

        Args:
            model: The reward model.
            spec: The specification that `load_reward` was given.
            name: Name in tables, instead of the model's own.
        """
        source, digested = origin(model), identity(model)
        card = model.card if name is None else model.card.model_copy(update={"name": name})
        return cls(
            name=name or model.name,
            spec=spec,
            fingerprint=digested.fingerprint,
            card=card,
            argument=source.argument,
            options={option: _as_json(value) for option, value in source.options.items()},
            parts=dict(digested.parts),
            undigested=list(digested.undigested),
        )

    def changed_parts(self, other: ScoredReward) -> list[str]:
        """Name the parts in which another reward model differs, as far as both say."""
        if not self.parts or not other.parts:
            return []
        return [name for name in sorted({*self.parts, *other.parts}) if self.parts.get(name) != other.parts.get(name)]


class Manifest(BaseModel):
    """Everything but the rewards themselves."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = VOTES_VERSION
    created: str
    """When scoring began, UTC."""
    benchmark: ScoredBenchmark
    reward: ScoredReward
    versions: dict[str, str]
    dtype: str
    device: str
    batch_size: int
    shard_size: int
    """Number of items in each file under shards/; batches never cross shards."""
    texts: int
    """Distinct texts in the benchmark."""
    text_batch_size: int | None = None
    """Texts at a time, where they are encoded apart from the images."""
    skipped_items: int = 0
    """Number of items without rewards, because their images could not be read."""
    truncated_texts: int
    """Number of texts that the model saw only the beginning of."""
    images_fingerprint: str | None = None
    """SHA-256 over the SHA-256 of every image file in order; None until complete."""
    items_digest: str | None = None
    """SHA-256 of items.parquet; None until complete, and before schema 2."""
    complete: bool = False
    imported: ImportedRewards | None = None
    """Origin of rewards that were computed elsewhere, without an image being seen; None for those scored here."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(handler(self), "imported" if self.imported is None else None)

    @classmethod
    def begin(
        cls,
        model: RewardModel,
        benchmark: Benchmark,
        *,
        spec: str,
        name: str | None = None,
        batch_size: int,
        shard_size: int,
        texts: int,
        truncated_texts: int,
    ) -> Manifest:
        """Return the manifest of a table about to be scored.

        Args:
            model: The reward model.
            benchmark: The benchmark.
            spec: The specification that `load_reward` was given.
            name: Name of the table, instead of the model's own.
            batch_size: Images at a time.
            shard_size: Items in one file.
            texts: Number of distinct texts in the benchmark.
            truncated_texts: Number of texts that the model sees only the beginning of.
        """
        return cls(
            schema_version=VOTES_VERSION if benchmark.scale is None else SHAPES_VERSION,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            benchmark=ScoredBenchmark.of(benchmark),
            reward=ScoredReward.of(model, spec, name),
            versions=installed_versions(),
            dtype=model.card.dtype,
            device=str(getattr(model, "device", "unknown")),
            batch_size=batch_size,
            shard_size=shard_size,
            texts=texts,
            truncated_texts=truncated_texts,
        )

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.json.

        Args:
            path: The file.

        Returns:
            The manifest.

        Raises:
            ScoreTableError: It can't be read, or was written by a newer version.
        """
        try:
            return cls.of(path.read_bytes(), path)
        except OSError as error:
            raise ScoreTableError(f"{path} can't be read: {error.strerror or error}.") from None

    @classmethod
    def of(cls, content: bytes, path: str | Path) -> Manifest:
        """Return what the content of a manifest.json says.

        Args:
            content: The file's content.
            path: Its path or URL, for errors.

        Raises:
            ScoreTableError: It is no manifest, or was written by a newer version.
        """
        try:
            manifest = cls.model_validate_json(content)
        except ValidationError as error:
            raise ScoreTableError(
                f"{path} is no manifest of a score table, or damaged ({explain(error)}). "
                "Score to another folder, or with --overwrite (overwrite=True)."
            ) from None
        if manifest.schema_version > SCHEMA_VERSION:
            raise ScoreTableError(
                f"{path} has schema version {manifest.schema_version}; this tia2 reads 1 to {SCHEMA_VERSION}. "
                "Update tia2."
            )
        return manifest

    @property
    def key(self) -> str:
        """Identifies the rewards: a shard with another key belongs to another table."""
        parts = (self.benchmark.fingerprint, self.reward.fingerprint, self.dtype, str(self.shard_size))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def shards(self) -> list[range]:
        """The positions of the items in each shard."""
        total, size = self.benchmark.items, self.shard_size
        return [range(start, min(start + size, total)) for start in range(0, total, size)]

    def differences(self, other: Manifest) -> list[str]:
        """Name the aspects in which another manifest differs, so that rewards of the two must not be mixed."""
        pairs = {
            "dtype": (self.dtype, other.dtype),
            "device": (self.device.partition(":")[0], other.device.partition(":")[0]),
            "shard size": (str(self.shard_size), str(other.shard_size)),
        }
        differences = []
        if self.benchmark.fingerprint != other.benchmark.fingerprint:
            differences.append(f"benchmark {_label(self.benchmark)}, now {_label(other.benchmark)}")
        if self.reward.fingerprint != other.reward.fingerprint:
            differences.append(f"reward model {_label(self.reward)}, now {_label(other.reward)}{self._reason(other)}")
        return differences + [f"{aspect} {old}, now {new}" for aspect, (old, new) in pairs.items() if old != new]

    def _reason(self, other: Manifest) -> str:
        if self.reward.options is None:
            return (
                " (made before 0.2: options aren't known; --trust-fingerprint (trust_fingerprint=True) takes the table "
                "for one of this reward model)"
            )
        changed = self.reward.changed_parts(other.reward)
        return f" (changed: {', '.join(changed[:MOST_PARTS])}{', …' * (len(changed) > MOST_PARTS)})" if changed else ""


def _without(content: dict[str, Any], field: str | None) -> dict[str, Any]:
    """Return what is written without a field that version 0.1 doesn't know and that says nothing."""
    return {name: value for name, value in content.items() if name != field}


def _as_json(value: Any) -> JsonValue:
    """Return an option as it can be written: whatever JSON doesn't know as its text."""
    try:
        return cast("JsonValue", json.loads(json.dumps(value, allow_nan=False)))
    except (TypeError, ValueError):
        return str(value)


def _label(scored: ScoredBenchmark | ScoredReward) -> str:
    return f"{scored.name} ({scored.fingerprint[:12]})"


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the distributions in `PACKAGES` that are installed."""
    installed = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **{name: number for name, number in installed.items() if number}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
