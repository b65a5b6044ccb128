"""The text that asks a language model for contrastive prompts: it has a version, and is kept with every output."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template as Placeholders

from tia2.errors import PromptError

VERSION = "1"
"""The version of the template that is used unless another one is given; a changed text gets a new number and file."""


@dataclass(frozen=True)
class Template:
    """A template: its version, and its text with $prompt, $number and, if wanted, $avoid.

    Example:
        >>> Template("mine", "$number texts unlike: $prompt").fill("a cat", 3)
        '3 texts unlike: a cat'
    """

    version: str
    text: str

    def __post_init__(self) -> None:
        matches = list(Placeholders.pattern.finditer(self.text))
        named = {match["named"] or match["braced"] for match in matches if not match["escaped"]}
        if not {"prompt", "number"} <= named <= {"prompt", "number", "avoid"}:
            raise PromptError(
                f"Template {self.version}: expected $prompt and $number in it, optionally $avoid, no other "
                "placeholders, and $$ for a dollar sign."
            )

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def fill(self, prompt: str, number: int, avoid: Iterable[str] = ()) -> str:
        """Return the text for one prompt.

        Args:
            prompt: The prompt.
            number: Number of contrastive prompts wanted.
            avoid: Contrastive prompts that the prompt has already.

        Returns:
            The filled text.
        """
        listed = "; ".join(avoid)
        return Placeholders(self.text).substitute(
            prompt=prompt, number=number, avoid=f", and from these: {listed}" if listed else ""
        )


def load_template(path: str | os.PathLike[str] | None = None) -> Template:
    """Return a template.

    Args:
        path: A text file of your own, whose name becomes the version. None: the one that comes with tia2.

    Returns:
        The template.

    Raises:
        PromptError: The file can't be read, or lacks a placeholder.
    """
    if path is None:
        return Template(VERSION, Path(__file__).with_name(f"template_{VERSION}.txt").read_text(encoding="utf-8"))
    file = Path(path).expanduser()
    try:
        return Template(file.stem, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"Template {file} can't be read: {error}.") from None
