"""What is known about a reward model, as data."""

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
    """What tables and plots call the model."""
    kind: Kind = "function"
    """How it works, which decides what can be computed once and reused."""
    hub_id: str | None = None
    """Where the weights come from: a Hugging Face id, or None for a local folder."""
    revision: str | None = None
    """The commit of the hub repository."""
    formula: str = "unknown"
    """How the reward follows from the image and the text."""
    unit: str = "unknown"
    """What one unit of the reward means."""
    range: tuple[float | None, float | None] = (None, None)
    """Lowest and highest possible reward; None where there is no bound."""
    preprocessing: str = "unknown"
    """What happens to an image between its RGB pixels and the model."""
    text_limit: int | None = None
    """The longest text in the model's own tokens, special tokens included."""
    text_policy: Literal["truncate", "error"] | None = None
    """What happens to longer texts."""
    dtype: str = "float32"
    """The number format of the towers; the last normalisation and product are always float32."""
    licence: str = "unknown"
    """The licence of the weights."""
    default_temperature: float | None = None
    """The temperature at which TextNorm divides this reward when none is given."""
    paper: str | None = None
    """Where the model is described."""
    training_data: str = "unknown"
    """What the model saw in training; "unknown" is shown as such."""
    notes: str | None = None
    """What else a reader must know."""
    cite: str | None = None
    """How to cite it, for example BibTeX."""
