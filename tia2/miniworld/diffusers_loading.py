"""Import diffusers without warnings about image processors that nothing here uses, and load without its bars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tia2.errors import MissingDependencyError


@contextmanager
def importing_diffusers(purpose: str) -> Iterator[None]:
    """Silence transformers' advice to install torchvision, and say what to install where diffusers is missing.

    Args:
        purpose: The work that needs diffusers; begins the error's sentence.

    Raises:
        MissingDependencyError: When an import in the block fails.
    """
    from transformers.utils import logging

    shown = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"{purpose} needs diffusers, which isn't installed: pip install 'tia2[finetune]'."
        ) from error
    finally:
        logging.set_verbosity(shown)


@contextmanager
def loading_quietly() -> Iterator[None]:
    """Hide the progress bars of diffusers and transformers: what is loaded here takes a second."""
    import diffusers.utils.logging
    import transformers.utils.logging

    shown = [library for library in (diffusers, transformers) if library.utils.logging.is_progress_bar_enabled()]
    for library in shown:
        library.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        for library in shown:
            library.utils.logging.enable_progress_bar()
