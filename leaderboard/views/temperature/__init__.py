"""A model's temperature, changed while one waits: which models have one, the figures, and the board's own entries."""

from .entries import EntryOnCurve, entries_on_curve
from .figures import FACTORS, HIGHEST, LOWEST, STEP, Recomputed, TemperatureCurve, recompute, sweep
from .models import AdjustableModel, Members, adjustable_model, adjustable_models, members

__all__ = [
    "FACTORS",
    "HIGHEST",
    "LOWEST",
    "STEP",
    "AdjustableModel",
    "EntryOnCurve",
    "Members",
    "Recomputed",
    "TemperatureCurve",
    "adjustable_model",
    "adjustable_models",
    "entries_on_curve",
    "members",
    "recompute",
    "sweep",
]
