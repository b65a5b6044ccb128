"""Answers of a language model: read as JSON, checked, and refused with a reason that it can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from tia2.errors import PromptError
from tia2.prompts.rules.meaning import meaning

LONGEST = 4
"""A contrastive prompt may have this many times the characters of its prompt, plus 200."""


class BadAnswerError(PromptError):
    """An answer of a language model can't be used as it is; asking again may help."""


class Answer(BaseModel):
    """The form of an answer."""

    model_config = ConfigDict(strict=True, extra="ignore")

    contrastive_prompts: list[str]


def read_answer(text: str) -> list[str]:
    """Return the contrastive prompts of an answer; a fence or words around the JSON, or a bare list, are forgiven.

    Args:
        text: The answer.

    Returns:
        The texts as they are, not checked yet.

    Raises:
        BadAnswerError: There is no JSON of the wanted form in it.

    Example:
        >>> read_answer('Sure! {"contrastive_prompts": ["two cats"]}')
        ['two cats']
    """
    for candidate in _candidates(text):
        texts = _texts(candidate)
        if texts is not None:
            return texts
    shown = " ".join(text.split())
    raise BadAnswerError(
        'the answer is not JSON of the form {"contrastive_prompts": ["...", ...]}: '
        f"{shown[:60]!r}{' …' if len(shown) > 60 else ''}"
    )


def usable(prompt: str, texts: Iterable[str], avoid: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Sort out what may serve as a contrastive prompt.

    Args:
        prompt: The prompt.
        texts: The texts that a language model wrote for it.
        avoid: Contrastive prompts that the prompt has already.

    Returns:
        The usable texts, with single spaces, and the reasons for which others were refused.

    Example:
        >>> usable("a cat on a mat", ["A cat is on the mat", "two cats on a mat"])
        (['two cats on a mat'], ["'A cat is on the mat' is a paraphrase of the prompt"])
    """
    original = meaning(prompt)
    seen = {meaning(text) for text in avoid}
    kept: list[str] = []
    refused: list[str] = []
    for text in (" ".join(raw.split()) for raw in texts):
        key = meaning(text)
        if not re.search(r"\w", text) or not _encodable(text):
            refused.append(f"{text!r} says nothing")
        elif len(text) > LONGEST * len(prompt) + 200:
            refused.append(f"{text[:40]!r} … is too long")
        elif key == original:
            refused.append(f"{text!r} is a paraphrase of the prompt")
        elif key in seen:
            refused.append(f"{text!r} is there twice")
        else:
            seen.add(key)
            kept.append(text)
    return kept, refused


def _texts(text: str) -> list[str] | None:
    try:
        content = json.loads(text)
        answer = Answer.model_validate({"contrastive_prompts": content} if isinstance(content, list) else content)
    except (ValueError, RecursionError):  # pydantic's ValidationError is a ValueError
        return None
    return answer.contrastive_prompts


def _candidates(text: str) -> Iterable[str]:
    yield text
    yield from re.findall(r"```(?:json)?\s*(.*?)```", text, re.S)
    for opening, closing in ("{}", "[]"):
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end:
            yield text[start : end + 1]


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
