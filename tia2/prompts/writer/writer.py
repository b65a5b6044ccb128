"""Contrastive prompts by a language model: asked again when the answer is no good, kept as soon as it is good."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tia2.errors import PromptError
from tia2.progress import Progress, silent
from tia2.prompts.writer.answers import BadAnswerError, read_answer, usable
from tia2.prompts.writer.clients import Client, UnavailableError
from tia2.prompts.writer.template import Template

ATTEMPTS = 5
FIRST_WAIT = 1.0
LONGEST_WAIT = 120.0
FORMAT = 1


class Written(BaseModel):
    """What a language model wrote for one prompt, as it is kept in the cache."""

    model_config = ConfigDict(strict=True, extra="ignore")

    prompt: str
    contrastive_prompts: list[str]
    model: str
    parameters: dict[str, Any]
    template_version: str
    template_sha256: str
    attempts: int
    date: str


@dataclass
class WriterRun:
    """The answers of a run, per prompt, and the prompts that failed with the reason."""

    written: dict[str, Written] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Writer:
    """Asks a language model for contrastive prompts.

    Attributes:
        client: The language model.
        template: The text that asks for contrastive prompts.
        number: Number of contrastive prompts wanted per prompt.
        cache: The folder that keeps what was written; the same request is never made twice.
        attempts: Number of attempts per prompt.
        first_wait: Seconds before an endpoint that can't answer is asked again; doubled each time.
        workers: Number of prompts that are worked on at once, where the client allows it.
    """

    client: Client
    template: Template
    number: int
    cache: Path
    attempts: int = ATTEMPTS
    first_wait: float = FIRST_WAIT
    workers: int = 4

    def write_all(
        self, prompts: Iterable[str], avoid: Mapping[str, Sequence[str]] | None = None, progress: Progress = silent
    ) -> WriterRun:
        """Write for many prompts.

        A prompt whose answers stay useless is a failure of its own, and the others go on. An endpoint that can't be
        used stops the run. Whatever was written is kept, and not asked for again.

        Args:
            prompts: The prompts.
            avoid: Contrastive prompts that each prompt has already.
            progress: Called with "prompts", the prompts done, and the prompts in all.

        Returns:
            The answers and failures, in the order of the prompts.

        Raises:
            PromptError: The endpoint can't be used; the text names the prompt it was asked for.
        """
        wanted = list(dict.fromkeys(prompts))
        outcome = WriterRun()
        queue = iter(wanted)
        pool = ThreadPoolExecutor(self.workers if self.client.parallel else 1)
        running: dict[Future[Written], str] = {}
        stop = threading.Event()
        try:
            while True:
                while len(running) < 2 * self.workers and (prompt := next(queue, None)) is not None:
                    running[pool.submit(self.write, prompt, (avoid or {}).get(prompt, ()), stop)] = prompt
                if not running:
                    written = {prompt: outcome.written[prompt] for prompt in wanted if prompt in outcome.written}
                    failed = {prompt: outcome.failed[prompt] for prompt in wanted if prompt in outcome.failed}
                    return WriterRun(written, failed)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    prompt = running.pop(future)
                    try:
                        outcome.written[prompt] = future.result()
                    except BadAnswerError as error:
                        outcome.failed[prompt] = str(error)
                    except PromptError as error:
                        kept = f"{len(outcome.written):,} of {len(wanted):,} prompts are done and kept"
                        raise PromptError(f"{error} {kept}; the same command resumes from there.") from None
                    progress("prompts", len(outcome.written) + len(outcome.failed), len(wanted))
        finally:
            # An interrupted run waits for answers that are under way, not for further attempts or prompts.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def write(self, prompt: str, avoid: Sequence[str] = (), stop: threading.Event | None = None) -> Written:
        """Write for one prompt, or take from the cache what was written for it.

        Args:
            prompt: The prompt.
            avoid: Contrastive prompts that the prompt has already.
            stop: When it is set, no further attempt is made.

        Returns:
            What was written.

        Raises:
            BadAnswerError: No attempt gave enough usable contrastive prompts.
            PromptError: The endpoint can't be used.
        """
        path = self.cache / f"{self._key(prompt, avoid)}.json"
        cached = _cached(path, prompt, self.number)
        if cached is not None:
            return cached
        texts, attempts = self._ask(prompt, avoid, stop or threading.Event())
        written = Written(
            prompt=prompt,
            contrastive_prompts=texts,
            model=self.client.model,
            parameters=self.client.facts,
            template_version=self.template.version,
            template_sha256=self.template.sha256,
            attempts=attempts,
            date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )
        save(path, written.model_dump_json(indent=2))
        return written

    def _ask(self, prompt: str, avoid: Sequence[str], stop: threading.Event) -> tuple[list[str], int]:
        kept: list[str] = []
        problem = ""
        unavailable = False
        for attempt in range(1, self.attempts + 1):
            if stop.is_set():
                raise PromptError(f"Stopped before there were contrastive prompts for {_short(prompt)}.")
            question = self.template.fill(prompt, self.number - len(kept), [*avoid, *kept])
            if problem and not unavailable:
                question += f"\nYour last answer was refused: {problem}\n"
            try:
                answer = self.client.complete([{"role": "user", "content": question}], seed=attempt)
                unavailable = False
                good, refused = usable(prompt, read_answer(answer), [*avoid, *kept])
                kept += good
                if len(kept) >= self.number:
                    return kept[: self.number], attempt
                reasons = f" ({'; '.join(refused[:3])}{'; …' if len(refused) > 3 else ''})" if refused else ""
                problem = f"{len(kept)} of {self.number} usable contrastive prompts{reasons}"
            except BadAnswerError as error:
                unavailable, problem = False, str(error)
            except UnavailableError as error:
                unavailable, problem = True, str(error)
                if attempt < self.attempts:
                    stop.wait(min(error.wait or self.first_wait * 2 ** (attempt - 1), LONGEST_WAIT))
            except PromptError as error:
                raise PromptError(f"No contrastive prompts for {_short(prompt)}: {error}.") from None
        message = f"No contrastive prompts for {_short(prompt)}: {problem}, after {self.attempts} attempts."
        raise PromptError(message) if unavailable else BadAnswerError(message)

    def _key(self, prompt: str, avoid: Sequence[str]) -> str:
        facts = [FORMAT, prompt, list(avoid), self.number, self.template.sha256, self.client.model, self.client.facts]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def save(path: Path, text: str) -> None:
    """Write a text file so that it is whole or not there.

    Raises:
        PromptError: The disk is full, or the folder can't be written to.
    """
    from tia2.files import write_atomically

    write_atomically(path, f"{text}\n".encode(), PromptError)


def default_cache() -> Path:
    """Return the folder that keeps what language models wrote: in Hugging Face's home, which HF_HOME moves."""
    from tia2.files import cache_dir

    return cache_dir() / "contrastive"


def _cached(path: Path, prompt: str, number: int) -> Written | None:
    """Return what is kept; nothing when it is damaged."""
    try:
        written = Written.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return written if written.prompt == prompt and len(written.contrastive_prompts) == number else None


def _short(prompt: str) -> str:
    line = " ".join(prompt.split())
    return repr(line if len(line) <= 80 else f"{line[:80]} …")
