"""Contrastive prompts for many prompts, by rule and by a language model, with a record of how they were generated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tia2.errors import PromptError
from tia2.files import check_writable
from tia2.progress import Progress, silent
from tia2.prompts.rules.contrastive import Style, contrastive_prompts
from tia2.prompts.writer.writer import Writer, Written, save

RULES_VERSION = 1
"""Goes up whenever the rules make other prompts than before."""

RECORD_SUFFIX = ".provenance.json"


@dataclass
class PromptSets:
    """Prompts with their contrastive prompts.

    Attributes:
        sets: The contrastive prompts of each prompt, those by rule first; prompts that failed are not in it.
        by_rule: The number of them that are by rule, per prompt.
        written: The answer of the language model, per prompt.
        failed: The prompts for which the language model gave too few usable answers, with the reason.
    """

    sets: dict[str, list[str]] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def without(self) -> list[str]:
        """The prompts without any contrastive prompt."""
        return [prompt for prompt, texts in self.sets.items() if not texts]


def make_prompt_sets(
    prompts: Sequence[str],
    style: Style | None = None,
    *,
    rules: bool = True,
    writer: Writer | None = None,
    progress: Progress = silent,
) -> PromptSets:
    """Make contrastive prompts for prompts.

    Args:
        prompts: The prompts; each is taken once.
        style: The rules' style, "default" (also None) or "released".
        rules: Whether the rules are used.
        writer: Asks a language model for more; None for rules alone.
        progress: Called with "prompts", the prompts done, and the prompts in all.

    Returns:
        The prompt sets.

    Raises:
        PromptError: The language model can't be used; what it wrote before is kept.

    Example:
        >>> make_prompt_sets(["two cats"]).sets
        {'two cats': ['a cat', 'three cats', 'four cats']}
    """
    prompt_sets = PromptSets()
    by_rule = {prompt: contrastive_prompts(prompt, style) if rules else [] for prompt in prompts}
    if writer is not None:
        outcome = writer.write_all(by_rule, by_rule, progress)
        prompt_sets.failed = outcome.failed
        prompt_sets.written = {prompt: outcome.written[prompt] for prompt in by_rule if prompt in outcome.written}
    for prompt, texts in by_rule.items():
        if prompt not in prompt_sets.failed:
            more = prompt_sets.written[prompt].contrastive_prompts if writer is not None else []
            prompt_sets.sets[prompt] = [*texts, *more]
            prompt_sets.by_rule[prompt] = len(texts)
    return prompt_sets


def write_files(prompt_sets: PromptSets, out: Path, record: dict[str, Any], *, overwrite: bool = False) -> Path:
    """Write prompt sets in the released layout, and beside them how they were made.

    Args:
        prompt_sets: The prompt sets.
        out: The JSON file: each prompt with the list of its contrastive prompts.
        record: Further facts to record: the source of the prompts, the settings.
        overwrite: Whether a file that tia2 didn't make may be replaced.

    Returns:
        The record's path, OUT with .provenance.json instead of .json.

    Raises:
        PromptError: It can't be written, or would replace something else.
    """
    beside = record_path(out)
    check_target(out, overwrite=overwrite)
    text = json.dumps(prompt_sets.sets, indent=4, ensure_ascii=False)
    content = {
        "format": 1,
        **record,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "sha256": hashlib.sha256(f"{text}\n".encode()).hexdigest(),
        "prompts": {
            prompt: {"by_rule": prompt_sets.by_rule[prompt], **_by_model(prompt_sets.written.get(prompt))}
            for prompt in prompt_sets.sets
        },
        "without_contrastive_prompts": prompt_sets.without,
        "failed": prompt_sets.failed,
    }
    save(beside, json.dumps(content, indent=2, ensure_ascii=False))
    save(out, text)
    return beside


def check_target(out: Path, *, overwrite: bool) -> None:
    """Refuse to replace what tia2 didn't make, and what is no place for a JSON file.

    Raises:
        PromptError: It is one of these.
    """
    if out.suffix != ".json":
        raise PromptError(f"Expected a .json file to write to, got {out}.")
    if out.is_dir() or (out.exists() and not record_path(out).is_file() and not overwrite):
        raise PromptError(f"{out} exists, and tia2 did not make it; --overwrite replaces a file.")
    check_writable(out, PromptError)


def record_path(out: Path) -> Path:
    """Return where the record of a file of prompt sets lies."""
    return out.with_name(f"{out.stem}{RECORD_SUFFIX}")


def writer_record(writer: Writer) -> dict[str, Any]:
    """Return what decides what a language model writes: to be kept with it."""
    return {
        "model": writer.client.model,
        "parameters": writer.client.facts,
        "number": writer.number,
        "template": {
            "version": writer.template.version,
            "sha256": writer.template.sha256,
            "text": writer.template.text,
        },
    }


def _by_model(written: Written | None) -> dict[str, Any]:
    if written is None:
        return {}
    count = len(written.contrastive_prompts)
    return {"by_model": count, "attempts": written.attempts, "date": written.date}
