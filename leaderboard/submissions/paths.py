"""What a submission says of its files without the folders of whoever made it."""

from __future__ import annotations

import re
from typing import Any

from tia2.files import without_folders
from tia2.scoring.manifest import ScoredReward

_PATH = re.compile(r"[/\\~]|\.{1,2}[/\\]|[A-Za-z]:[/\\]")
_ABSOLUTE = re.compile(r"(?:^|:)(?:/[^/\s]+/|~[^/\s]*/|[A-Za-z]:[/\\])")


def public_reward(reward: ScoredReward) -> ScoredReward:
    """Return what a score table says of its reward model without the folders of whoever scored it.

    Args:
        reward: The reward model as scored; its fingerprint stays.

    Example:
        >>> public_spec("clip:/home/me/models/mine"), public_spec("/home/me/mine.py:Mine"), public_spec("clip:org/name")
        ('clip:mine', 'mine.py:Mine', 'clip:org/name')
    """
    card = reward.card
    return reward.model_copy(
        update={
            "spec": public_spec(reward.spec),
            "argument": None if reward.argument is None else _name(reward.argument),
            "options": public_values(reward.options),
            "parts": {_name(name): digest for name, digest in reward.parts.items()},
            "undigested": [without_folders(text) for text in reward.undigested],
            "card": card.model_copy(
                update={
                    "hub_id": None if card.hub_id is None else _name(card.hub_id),
                    "notes": None if card.notes is None else without_folders(card.notes),
                }
            ),
        }
    )


def public_spec(spec: str) -> str:
    """Return a reward model's specification with the last part of a path in the place of the path."""
    file = re.fullmatch(r"(?P<path>.+\.py)(?P<name>(?::.*)?)", spec)
    if file is not None:
        return re.split(r"[/\\]", file["path"])[-1] + file["name"]
    family, colon, argument = spec.partition(":")
    return family + colon + _name(argument) if colon else _name(spec)


def _name(text: str) -> str:
    """Return the last part of what is a path of a machine; a hub's OWNER/NAME stays."""
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1] if _PATH.match(text) else text


def public_values(value: Any) -> Any:
    """Return JSON with the last part of a path in the place of every text that is one, or a specification with one."""
    if isinstance(value, str):
        return public_spec(value) if _ABSOLUTE.search(value) else value
    if isinstance(value, dict):
        return {key: public_values(field) for key, field in value.items()}
    return [public_values(element) for element in value] if isinstance(value, list) else value
