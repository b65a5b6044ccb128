"""The facts about a reward model, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["dual encoder", "cross-encoder", "generative", "function", "control"]


class RewardCard(BaseModel):
    """The facts that a reader of a reward needs. Fields beyond these are kept and shown.

    Example:
        >>> RewardCard(name="mine", formula="cosine", range=(-1.0, 1.0)).kind
        'function'
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    """Name of the model in tables and plots."""
    kind: Kind = "function"
    """Way of working, which decides what can be computed once and reused."""
    hub_id: str | None = None
    """Source of the weights: a Hugging Face id, or None for a local folder."""
    revision: str | None = None
    """The commit of the hub repository."""
    formula: str = "unknown"
    """Formula by which the reward follows from the image and the text."""
    unit: str = "unknown"
    """Meaning of one unit of the reward."""
    range: tuple[float | None, float | None] = (None, None)
    """Lowest and highest possible reward; None where there is no bound."""
    preprocessing: str = "unknown"
    """The steps between an image's RGB pixels and the model."""
    text_limit: int | None = None
    """The longest text in the model's own tokens, special tokens included."""
    text_policy: Literal["truncate", "error"] | None = None
    """Treatment of longer texts."""
    dtype: str = "float32"
    """The number format of the towers; the last normalisation and product are always float32."""
    licence: str = "unknown"
    """The licence of the weights."""
    default_temperature: float | None = None
    """The temperature at which TextNorm divides this reward when none is given."""
    paper: str | None = None
    """Paper that describes the model."""
    training_data: str = "unknown"
    """Data that the model saw in training; "unknown" is shown as such."""
    notes: str | None = None
    """Further facts that a reader must know."""
    cite: str | None = None
    """Citation, for example BibTeX."""
