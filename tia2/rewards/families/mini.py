"""The reward models of the miniature world, whose weights come with the package."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError
from tia2.rewards.card import RewardCard
from tia2.rewards.loading.pixels import Preprocessing

if TYPE_CHECKING:
    from tia2.rewards.families.clip.clip import ClipReward


def load_mini(name: str, **options: Any) -> ClipReward:
    """Load one of the miniature world's reward models.

    Args:
        name: "mini-strong", "mini-web", "mini-countblind" or "mini-vivid".
        **options: Options of `ClipReward`.

    Raises:
        RewardError: Its weights are not in this installation.
    """
    from tia2.rewards.families.clip.clip import ClipReward

    return ClipReward(_folder(name), name=name, **options)


def mini_card(name: str) -> RewardCard:
    """Return the card of one of the miniature world's reward models without loading it.

    Args:
        name: Name of the model, as `load_mini` takes it.

    Raises:
        RewardError: Its files are not in this installation.
    """
    from tia2.rewards.families.clip.clip import CARD

    folder = _folder(name)
    limit = _json(folder / "config.json")["text_config"]["max_position_embeddings"]
    preprocessing = Preprocessing.from_config(_json(folder / "preprocessor_config.json"))
    facts = {"hub_id": None, "text_limit": limit, "preprocessing": str(preprocessing), **_json(folder / "card.json")}
    return RewardCard.model_validate({**CARD.model_dump(), **facts, "name": name})


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _folder(name: str) -> Path:
    folder = Path(str(files("tia2.miniworld"))) / "assets" / "rewards" / name
    if not (folder / "config.json").is_file():
        raise RewardError(
            f"The weights of {name!r} are not in this installation (expected in {folder}): install tia2 again."
        )
    return folder
