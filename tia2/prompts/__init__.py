"""Contrastive prompts: what TextNorm compares a prompt with, by rule or by a language model.

`rules/` edits the English of a prompt, `writer/` asks a language model, `making` drives both, and `prompt_files` reads
prompts from files and datasets.

Example:
    >>> from tia2.prompts import contrastive_prompts
    >>> contrastive_prompts("two cats")
    ['a cat', 'three cats', 'four cats']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tia2.prompts.making import PromptSets as PromptSets
    from tia2.prompts.making import make_prompt_sets as make_prompt_sets
    from tia2.prompts.making import write_files as write_files
    from tia2.prompts.prompt_files import read_prompts as read_prompts
    from tia2.prompts.rules.contrastive import contrastive_prompts as contrastive_prompts
    from tia2.prompts.writer.clients import Endpoint as Endpoint
    from tia2.prompts.writer.clients import Local as Local
    from tia2.prompts.writer.template import load_template as load_template
    from tia2.prompts.writer.writer import Writer as Writer

_LAZY = {
    "Endpoint": "writer.clients",
    "Local": "writer.clients",
    "PromptSets": "making",
    "Writer": "writer.writer",
    "contrastive_prompts": "rules.contrastive",
    "load_template": "writer.template",
    "make_prompt_sets": "making",
    "read_prompts": "prompt_files",
    "write_files": "making",
}

__all__ = [*_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"tia2.prompts.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tia2.prompts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
