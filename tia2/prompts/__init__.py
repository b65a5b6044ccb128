"""Contrastive prompts: by rule, or by a language model."""

from __future__ import annotations

from tia2.prompts.rules.rules import contrastive_prompts

__all__ = ["contrastive_prompts"]
