"""A folder that holds a score table already: is it the one that is asked for?"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from tia2.errors import ScoreTableError
from tia2.scoring.manifest import Manifest, ScoredReward
from tia2.scoring.table_files import TableFiles

NAMED = 3
"""The number of parts that a message names."""

_WAYS_OUT = (
    "state a fingerprint of your own (docs: Write a reward plugin), or use --trust-fingerprint (trust_fingerprint=True)"
)


@dataclass(frozen=True)
class Resuming:
    """What is done with a table that the folder holds already.

    Attributes:
        overwrite: Whether it is deleted.
        keep_batch_sizes: Whether its batch sizes are used again.
        rename: Whether it gets the new name.
        trust_fingerprint: Whether it is taken for one of this reward model where the fingerprint can't say so.
    """

    overwrite: bool
    keep_batch_sizes: bool
    rename: bool
    trust_fingerprint: bool


def resumed(files: TableFiles, manifest: Manifest, options: Resuming) -> Manifest:
    """Return the manifest to continue with: that of the table in the folder, or the new one where there is none.

    Args:
        files: The folder.
        manifest: Manifest of a table that is about to be scored.
        options: Treatment of a table that is there.

    Raises:
        ScoreTableError: The folder holds another table, what may be one, or something else.
    """
    if files.is_empty():
        return manifest
    if options.overwrite:
        files.clear()
        return manifest
    earlier, new = files.read_manifest(), manifest.reward
    if options.trust_fingerprint and earlier.reward.options is None and earlier.reward.spec == new.spec:
        manifest = manifest.model_copy(update={"reward": earlier.reward})
    elif not options.trust_fingerprint:
        check_digested(new, files.folder)
    if differences := earlier.differences(manifest):
        raise ScoreTableError(
            f"{files.folder} holds another score table: {'; '.join(differences)}. "
            "Score to another folder, or with --overwrite (overwrite=True)."
        )
    # Votes may have changed since, which no reward depends on.
    changes: dict[str, object] = {
        "benchmark": manifest.benchmark,
        "complete": False,
        "schema_version": manifest.schema_version,
    }
    if options.rename:
        changes["reward"] = earlier.reward.model_copy(update={"name": new.name, "card": new.card})
    if not options.keep_batch_sizes:
        changes |= {"batch_size": manifest.batch_size, "text_batch_size": manifest.text_batch_size}
    return earlier.model_copy(update=changes)


def warn_of_undigested(reward: ScoredReward) -> None:
    """Warn once of what decides a reward model's rewards and isn't in its fingerprint.

    Args:
        reward: The reward model.
    """
    if reward.undigested:
        warnings.warn(
            f"The fingerprint of reward {reward.name!r} doesn't cover {_named(reward)}, so a table of it is neither "
            f"resumed nor handed back: {_WAYS_OUT} if nothing of it changes.",
            stacklevel=4,
        )


def check_digested(reward: ScoredReward, folder: str | Path) -> None:
    """Refuse to continue a table of a reward model that may have changed unseen.

    Args:
        reward: The reward model.
        folder: The table's folder.

    Raises:
        ScoreTableError: Something that decides the rewards couldn't be digested.
    """
    if reward.undigested:
        raise ScoreTableError(
            f"{folder} holds a score table, and nothing says that it is of this {reward.name!r}: its fingerprint "
            f"doesn't cover {_named(reward)}. Score to another folder or with --overwrite (overwrite=True), "
            f"{_WAYS_OUT} if nothing of it has changed."
        )


def _named(reward: ScoredReward) -> str:
    return ", ".join(reward.undigested[:NAMED]) + (", …" if len(reward.undigested) > NAMED else "")
