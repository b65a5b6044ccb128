"""What a run says of its prompts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .model import Section

Contrast = Literal["benchmark", "rule", "wide", "none"]


class PromptSettings(Section):
    """Which prompts a run trains on, and which it is judged by."""

    benchmark: str | None = None
    """A benchmark whose prompts are used, such as "mini" or "counting"; not with `texts` or `file`."""
    subset: str | None = None
    """Its subset; all of them by default."""
    texts: tuple[str, ...] = ()
    """Prompts, written out."""
    file: str | None = None
    """A file of prompts, as `tia2 prompts` reads it."""
    train: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """Positions of the prompts that are trained on; all by default."""
    held_out: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Positions of prompts that are only evaluated."""
    contrast: Contrast = "benchmark"
    """Where contrastive prompts come from: the benchmark's own, by rule, "wide" for the miniature world's grammar with
    every number, colour and shape varied, or none."""

    @model_validator(mode="after")
    def _one_source(self) -> PromptSettings:
        sources = [name for name in ("benchmark", "texts", "file") if getattr(self, name)]
        if len(sources) != 1:
            raise ValueError(f"give exactly one of benchmark, texts and file, got {' and '.join(sources) or 'none'}")
        if self.contrast == "benchmark" and self.benchmark is None:
            raise ValueError(
                'contrast: "benchmark" needs a benchmark; choose "rule", "wide" or "none" for other prompts'
            )
        return self
