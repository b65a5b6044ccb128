"""What a score table says about itself, in manifest.json."""

from __future__ import annotations

import hashlib
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from tia2.errors import ScoreTableError
from tia2.files import explain
from tia2.rewards.card import RewardCard

if TYPE_CHECKING:
    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel

SCHEMA_VERSION = 1

PACKAGES = ("tia2", "torch", "transformers", "tokenizers", "numpy", "pillow", "datasets", "pyarrow")
"""The distributions whose version may change a reward's last digits."""


class ScoredBenchmark(BaseModel):
    """The benchmark that was scored."""

    model_config = ConfigDict(extra="forbid")

    name: str
    fingerprint: str
    """SHA-256 over ids, prompts and contrastive prompts."""
    votes_fingerprint: str
    """SHA-256 over ids and human scores."""
    items: int


class ScoredReward(BaseModel):
    """The reward model that scored it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    spec: str
    """The specification that `load_reward` was given."""
    fingerprint: str
    """SHA-256 over everything that changes a reward."""
    card: RewardCard


class Manifest(BaseModel):
    """Everything but the rewards themselves."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
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
    complete: bool = False

    @classmethod
    def begin(
        cls,
        model: RewardModel,
        benchmark: Benchmark,
        *,
        spec: str,
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
            batch_size: Images at a time.
            shard_size: Items in one file.
            texts: Number of distinct texts in the benchmark.
            truncated_texts: Number of texts that the model sees only the beginning of.
        """
        return cls(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            benchmark=ScoredBenchmark(
                name=benchmark.name,
                fingerprint=benchmark.fingerprint,
                votes_fingerprint=benchmark.votes_fingerprint,
                items=len(benchmark),
            ),
            reward=ScoredReward(name=model.name, spec=spec, fingerprint=model.fingerprint, card=model.card),
            versions=_versions(),
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
            manifest = cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ScoreTableError(
                f"{path} is no manifest of a score table, or damaged ({explain(error)}). "
                "Score to another folder, or with --overwrite (overwrite=True)."
            ) from None
        except OSError as error:
            raise ScoreTableError(f"{path} can't be read: {error.strerror or error}.") from None
        if manifest.schema_version > SCHEMA_VERSION:
            raise ScoreTableError(
                f"{path} has schema version {manifest.schema_version}; this tia2 reads {SCHEMA_VERSION}. Update tia2."
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
            "benchmark": (_label(self.benchmark), _label(other.benchmark)),
            "reward model": (_label(self.reward), _label(other.reward)),
            "dtype": (self.dtype, other.dtype),
            "device": (self.device.partition(":")[0], other.device.partition(":")[0]),
            "shard size": (str(self.shard_size), str(other.shard_size)),
        }
        return [f"{aspect} {old}, now {new}" for aspect, (old, new) in pairs.items() if old != new]


def _label(scored: ScoredBenchmark | ScoredReward) -> str:
    return f"{scored.name} ({scored.fingerprint[:12]})"


def _versions() -> dict[str, str]:
    installed = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **{name: number for name, number in installed.items() if number}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
