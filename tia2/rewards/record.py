"""A reward model or family that is known by name and not imported yet."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from tia2.errors import RewardError, Tia2Error, missing_models


@dataclass(frozen=True)
class Record:
    """A known reward model or family of them.

    Attributes:
        name: The spec, or the part of it before the colon.
        target: "module:attribute", an entry point, or the registered object itself.
        summary: One line for lists.
        source: Who offers it.
        form: How the spec is written, for lists; the name if None.
        example: A full spec, for a family that can't go without a part after the colon.
        card: "module:attribute" of the card, or of a function from what follows the colon to the card.
        by_name: Whether the target gets the name as its only positional argument.
    """

    name: str
    target: str | EntryPoint | Callable[..., Any]
    summary: str
    source: str
    form: str | None = None
    example: str | None = None
    card: str | None = None
    by_name: bool = False

    def resolve(self) -> Any:
        """Import what the record stands for.

        Raises:
            MissingDependencyError: PyTorch, or another package that runs models, isn't installed.
            RewardError: The import failed, whatever else the reason.
        """
        try:
            if isinstance(self.target, EntryPoint):
                return self.target.load()
            if isinstance(self.target, str):
                return imported(self.target)
        except Tia2Error:
            raise
        except Exception as error:  # a plugin may raise anything while it is imported
            if missing := missing_models(error, f"Reward {self.name!r}"):
                raise missing from error
            raise RewardError(
                f"Reward {self.name!r} from {self.source} can't be imported: {type(error).__name__}: {error}"
            ) from error
        return self.target


def imported(path: str) -> Any:
    """Import "module:attribute"."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
