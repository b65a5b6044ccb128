"""Reward models: load one by name, or bring one's own.

Example:
    >>> from tia2.rewards import load_reward
    >>> reward = load_reward(lambda images, texts: [float(len(text)) for text in texts])
    >>> reward.card.kind
    'function'
"""

from __future__ import annotations

from tia2.rewards.base import RewardModel
from tia2.rewards.card import RewardCard
from tia2.rewards.cross import CrossEncoder
from tia2.rewards.dual import DualEncoder
from tia2.rewards.functions import FunctionReward
from tia2.rewards.registry import load_reward, register_reward
from tia2.rgb import to_rgb

__all__ = [
    "CrossEncoder",
    "DualEncoder",
    "FunctionReward",
    "RewardCard",
    "RewardModel",
    "load_reward",
    "register_reward",
    "to_rgb",
]
