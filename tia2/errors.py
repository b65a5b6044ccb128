"""The errors that a user can cause, each with one clear sentence.

Every one derives from `Tia2Error`, which the command line prints as a single line without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Tia2Error(Exception):
    """Base of all errors that are the input's fault, not the library's."""


class BenchmarkError(Tia2Error, ValueError):
    """A benchmark is missing, damaged, or not in the documented columns."""


class RewardError(Tia2Error, ValueError):
    """A reward model can't be loaded or broke its contract."""


class ScoreTableError(Tia2Error, ValueError):
    """A score table is missing, damaged, or belongs to something else."""


class ResultError(Tia2Error, ValueError):
    """A result can't be computed from, or read from, what was given."""


class PromptError(Tia2Error, ValueError):
    """Contrastive prompts can't be made from, or written for, what was given."""


class DownloadError(Tia2Error, OSError):
    """A file could not be fetched whole and unaltered."""


class MissingDependencyError(Tia2Error, ImportError):
    """An optional dependency isn't installed."""


class UnknownNameError(Tia2Error, LookupError):
    """A name isn't among the known ones."""


def unknown_name(kind: str, name: str, options: Iterable[str]) -> UnknownNameError:
    """Return an error that lists the valid names and the closest one.

    Args:
        kind: What the name should have named, for example "reward".
        name: The name that was given.
        options: The valid names.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> str(unknown_name("subset", "countng", ["counting", "composition"]))
        "Unknown subset 'countng'. Did you mean 'counting'? Available: counting, composition."
    """
    known = list(options)
    lower = {option.lower(): option for option in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f" Did you mean {lower[close[0]]!r}?" if close else ""
    return UnknownNameError(f"Unknown {kind} {name!r}.{hint} Available: {', '.join(known) or 'none'}.")


def missing_dependency(what: str, extra: str) -> MissingDependencyError:
    """Return an error that says which extra to install.

    Args:
        what: What needs it and what is missing, for example "The reward family open_clip: needs open_clip_torch".
        extra: The extra of setup.cfg that brings it.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> str(missing_dependency("open_clip: needs open_clip_torch", "open_clip"))
        "open_clip: needs open_clip_torch. Install it with: pip install 'tia2[open_clip]'"
    """
    return MissingDependencyError(f"{what}. Install it with: pip install 'tia2[{extra}]'")
