"""Tables of before schema 2, whose manifest has no digest of the items: their fingerprints say what they can."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import ScoreTableError

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring.manifest import Manifest


def check_old_items(manifest: Manifest, items: pd.DataFrame, path: str | Path) -> None:
    """Check items against the fingerprints of a manifest that has no digest of them.

    Args:
        manifest: The manifest.
        items: The items.
        path: The file they were read from, for the error.

    Raises:
        ScoreTableError: Ids, prompts, contrastive prompts, human scores or labels aren't those that were scored.
    """
    from tia2.benchmark.items import ASKED, SCORED, digest

    if manifest.schema_version > 1 or not {*ASKED, *SCORED, "label", "texts"} <= set(items.columns):
        return
    # Tables that a leaderboard took over have each contrastive prompt once, and their fingerprint needn't follow.
    as_released = [list(texts[1:]) for texts in items["texts"]] != items["contrastive_prompts"].tolist()
    changed = []
    if as_released and digest(items[list(ASKED)]) != manifest.benchmark.fingerprint:
        changed.append("ids, prompts or contrastive prompts")
    if digest(items[list(SCORED)]) != manifest.benchmark.votes_fingerprint:
        changed.append("human scores")
    scores = items["human_score"]
    if scores.between(0, 1).all() and ((scores > 0.5) != items["label"]).any():
        changed.append("labels")
    if changed:
        raise ScoreTableError(
            f"{path} has other {' and '.join(changed)} than the table was scored with. "
            "Score again with the same --out and the benchmark: rewards are kept, items are written again."
        )
