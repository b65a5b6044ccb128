"""What a run says of the reward that it optimises, and of those that watch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .model import Section

JUDGE = "judge"


class EntrySettings(Section):
    """A leaderboard entry: one reward model or several, and a calibration."""

    rewards: Annotated[tuple[str, ...], Field(min_length=1)]
    """Specs of the reward models, such as "pickscore" or "clip:FOLDER"; several make an ensemble."""
    calibration: str = "raw"
    """Name of the calibration with its settings, as `tia2 evaluate --calibration` takes it."""
    name: str | None = None
    """What curves and tables call it; the entry's own name by default."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        # "mini-vivid" and "mini-vivid + textnorm" say as much as the long form.
        if isinstance(given, str):
            rewards, _, calibration = given.partition("+")
            names = tuple(part.strip() for part in rewards.split("&"))
            return {"rewards": names, **({"calibration": calibration.strip()} if calibration else {})}
        return given


class TermSettings(Section):
    """An entry that is added to the proxy."""

    entry: EntrySettings
    weight: Annotated[float, Field(allow_inf_nan=False)]
    """Multiple of its value, in the unit of the proxy over its own."""


class RewardSettings(Section):
    """The proxy, the rewards that are watched and not trained on, and the gold judge."""

    proxy: EntrySettings
    """The entry that is optimised."""
    plus: tuple[TermSettings, ...] = ()
    """Entries whose weighted values are added to the proxy."""
    watch: tuple[EntrySettings, ...] = ()
    """Entries that are computed on every evaluation and never trained on."""
    gold: EntrySettings | Literal["judge"] | None = None
    """The judge that is trusted: "judge" is the miniature world's exact one; an entry is a stand-in for people."""
    overlap: bool = True
    """Whether each batch is scored on a second thread while the next one is sampled; rewards are the same."""
