"""The errors that a user can cause, each with one clear sentence.

Every one derives from `Tia2Error`, which the command line prints as a single line without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Tia2Error(Exception):
    """Base of all errors that are the input's fault, not the library's."""


class UsageError(Tia2Error, ValueError):
    """A command was given too few arguments, or options that don't go together."""


class BenchmarkError(Tia2Error, ValueError):
    """A benchmark is missing, damaged, or not in the documented columns."""


class ImageFileError(Tia2Error, ValueError):
    """An image file is damaged, or no image."""


class RewardError(Tia2Error, ValueError):
    """A reward model can't be loaded or broke its contract."""


class ScoreTableError(Tia2Error, ValueError):
    """A score table is missing, damaged, or belongs to something else."""


class ResultError(Tia2Error, ValueError):
    """A result can't be computed from, or read from, what was given."""


class PromptError(Tia2Error, ValueError):
    """Contrastive prompts can't be made from, or written for, what was given."""


class LeaderboardError(Tia2Error, ValueError):
    """A leaderboard's store, or something submitted to it, isn't what it must be."""


class FinetuneError(Tia2Error, ValueError):
    """A fine-tuning run can't be made of what was given, or had to stop."""


class StudyError(Tia2Error, ValueError):
    """A study with people, or what is asked of it, isn't what it must be."""


class FileError(Tia2Error, OSError):
    """A file can't be written where it should be."""


class DownloadError(Tia2Error, OSError):
    """A file could not be fetched whole and unaltered."""


class MissingDependencyError(Tia2Error, ImportError):
    """An optional dependency isn't installed."""


class PluginError(Tia2Error, ValueError):
    """A plugin can't be imported, or isn't what its entry point promises."""


class UnknownNameError(Tia2Error, LookupError):
    """A name isn't among the available ones."""


MODEL_PACKAGES = ("safetensors", "tokenizers", "torch", "transformers")
"""What runs models, brought by the extra `rewards`; score tables are read, evaluated and shown without."""

MOST_NAMES = 40
"""How many valid names an error lists."""


def unknown_name(kind: str, name: str, options: Iterable[str]) -> UnknownNameError:
    """Return an error that lists the valid names and the closest one.

    Args:
        kind: The kind of thing that the name stands for, for example "reward".
        name: The name that was given.
        options: The valid names.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> str(unknown_name("subset", "countng", ["counting", "composition"]))
        "Unknown subset 'countng'. Did you mean 'counting'? Available: counting, composition."
    """
    available = list(options)
    lower = {option.lower(): option for option in available}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f" Did you mean {lower[close[0]]!r}?" if close else ""
    listed = ", ".join(map(on_one_line, available[:MOST_NAMES])) or "none"
    more = f" and {len(available) - MOST_NAMES:,} more" if len(available) > MOST_NAMES else ""
    return UnknownNameError(f"Unknown {on_one_line(kind)} {name!r}.{hint} Available: {listed}{more}.")


def on_one_line(name: str) -> str:
    r"""Return a name as an error quotes it: line breaks and other characters that don't print as escapes.

    Example:
        >>> on_one_line("two\ncats"), on_one_line("zwei Kühe")
        ('two\\ncats', 'zwei Kühe')
    """
    return name if name.isprintable() else repr(name)[1:-1]


def missing_dependency(what: str, extra: str) -> MissingDependencyError:
    """Return an error that says which extra to install.

    Args:
        what: The part and the package that it lacks, for example "The reward family open_clip: needs open_clip_torch".
        extra: The extra of setup.cfg that brings it.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> str(missing_dependency("open_clip: needs open_clip_torch", "open_clip"))
        "open_clip: needs open_clip_torch. Install it with: pip install 'tia2[open_clip]'"
    """
    return MissingDependencyError(f"{what}. Install it with: pip install 'tia2[{extra}]'")


def missing_models(error: BaseException, what: str) -> MissingDependencyError | None:
    """Return the error to raise instead of a failed import of what runs models; None for any other error.

    Args:
        error: The error that the import raised.
        what: The part of TIA2 that needs the package; begins the sentence.

    Returns:
        The error, to be raised by the caller, or None.

    Example:
        >>> str(missing_models(ModuleNotFoundError(name="torch"), "Reward 'mini-strong'"))
        "Reward 'mini-strong' needs torch, which isn't installed. Install it with: pip install 'tia2[rewards]'"
    """
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    package = (name or "").partition(".")[0]
    if package not in MODEL_PACKAGES:
        return None
    return missing_dependency(f"{what} needs {package}, which isn't installed", "rewards")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its type's name where the text is empty.

    Errors of other libraries may run over many lines; a message of ours quotes the one that says what happened.

    Args:
        error: An error of another library.

    Returns:
        One line without surrounding spaces.

    Example:
        >>> first_line(ValueError("no such split")), first_line(KeyError())
        ('no such split', 'KeyError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]
