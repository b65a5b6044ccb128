"""The cleaning that BLIP and BLIP-2 do to a caption before they tokenise it."""

from __future__ import annotations

import re

_PUNCTUATION = re.compile(r'[.!"()*#:;~]')
_SPACES = re.compile(r"\s{2,}")


def clean_caption(text: str, words: int) -> str:
    """Lower-case a text, turn some punctuation into spaces, squeeze spaces, and keep the first words.

    Args:
        text: The text.
        words: The most words to keep; 30 in BLIP's retrieval data, 50 in LAVIS.

    Returns:
        The cleaned text. Words are what single spaces separate, so tabs and line breaks don't count.

    Example:
        >>> clean_caption("A Red Cube; (on top)!", 30)
        'a red cube on top'

    Source: salesforce/BLIP data/utils.py `pre_caption`; salesforce/LAVIS processors/blip_processors.py
    `BlipCaptionProcessor`.
    """
    lower = _PUNCTUATION.sub(" ", text.lower())
    squeezed = _SPACES.sub(" ", lower).rstrip("\n").strip(" ")
    return " ".join(squeezed.split(" ")[:words])


def is_cut(text: str, words: int) -> bool:
    """Whether `clean_caption` drops words of a text.

    Example:
        >>> is_cut("one two three", 2)
        True
    """
    return clean_caption(text, words) != clean_caption(text, len(text) + 1)
