"""The settings of a run that may change while it goes, since they change no result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tia2.errors import FinetuneError

from .run import RunSettings, checked, replaced

ADJUSTABLE = (
    "sampler.batch",
    "evaluation.sampler.batch",
    "ddpo.batch",
    "weighted.micro_batch",
    "model.gradient_checkpointing",
    "reward.overlap",
    "save_every",
    "trackers",
)
"""Settings that a resumed run may change: how much is done at a time, how often it is kept, where it is shown. Results
stay the same but for rounding."""


def differing_fields(first: RunSettings, second: RunSettings) -> list[str]:
    """Return the names of the fields in which two runs differ, without those that change no result.

    Args:
        first: Settings.
        second: Settings.

    Example:
        >>> from tia2.finetune import load_settings
        >>> other = load_settings("mini-ddpo", ["sampler.batch=8", "optimiser.lr=1e-4"])
        >>> differing_fields(load_settings("mini-ddpo"), other)
        ['optimiser.lr']
    """
    fields = _flat(first.model_dump()), _flat(second.model_dump())
    names = dict.fromkeys([*fields[0], *fields[1]])
    return [name for name in names if name not in ADJUSTABLE and fields[0].get(name) != fields[1].get(name)]


def adjusted(settings: RunSettings, overrides: Sequence[str]) -> RunSettings:
    """Return a run's settings with some replaced that change no result.

    Args:
        settings: The run's settings.
        overrides: Replacements such as "sampler.batch=8".

    Raises:
        FinetuneError: A field is unknown, doesn't fit, or can't change while a run goes.
    """
    content = settings.model_dump(mode="json")
    for override in overrides:
        replaced(content, override)
    changed = checked(content, "--set")
    if fields := differing_fields(settings, changed):
        names = [name for name in ADJUSTABLE if name in _flat(settings.model_dump())]
        raise FinetuneError(
            f"{fields[0]} can't change while a run goes: begin another run for that. These can: {', '.join(names)}."
        )
    return changed


def _flat(content: Mapping[str, Any], parent: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= _flat(value, f"{parent}{name}.") if isinstance(value, dict) else {f"{parent}{name}": value}
    return flat
