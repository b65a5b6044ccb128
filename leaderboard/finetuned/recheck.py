"""A kept run, computed again: its report from images and scores, and scores from images where that is possible here.

Nothing that a run says of itself is shown before this. What can't be recomputed without the model's weights, the
KL divergence, is checked for consistency and named as logged.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from tia2._version import __version__
from tia2.decoding import read_picture
from tia2.errors import ImageFileError, LeaderboardError, Tia2Error
from tia2.files import write_atomically
from tia2.rewards.built_in import BUILT_IN

from .files import StoredRun, without_path
from .finetuning import (
    JUDGE,
    EntriesAgain,
    EntrySettings,
    RunFolder,
    RunReport,
    RunSettings,
    judged,
    make_report,
    total_kl,
)
from .identity import EntryIdentity

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

VERSION = 1
"""Raised when the same files would be judged otherwise."""
GOLD, PROXY = "gold", "proxy"
TOLERANCE = 1e-3
"""Largest difference between a stored and a recomputed value of a reward: other machines round otherwise."""
MOST_PIXELS = 4096 * 4096
MINIATURE = frozenset(name for name, entry in BUILT_IN.items() if entry.by_name)
"""Reward models that come with tia2, weights and all."""
EXACT = "exact judge"
PNG = b"\x89PNG\r\n\x1a\n"
PNG_SIZE = struct.Struct(">8s4s4sII")
"""The beginning of a PNG file: signature, length and name of its first part, width and height."""


class RecheckedRun(BaseModel):
    """What recomputing a run gave."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    report: RunReport | None
    """The report, computed from the kept images and scores; None where they don't allow one."""
    identities: dict[str, EntryIdentity]
    """The run's entries by role, as far as digests of their reward models are known."""
    recomputed: list[str]
    """Roles whose scores were computed again from the kept images and came out as they were stored."""
    problems: list[str]
    """Why the run can't be shown as validated, one sentence each; empty if it can."""

    @property
    def valid(self) -> bool:
        """Whether the run may be shown."""
        return not self.problems and self.report is not None


def rechecked(run: StoredRun, cache: Path) -> RecheckedRun:
    """Return what recomputing a run gives; kept under the digests of its files, so computed once.

    Args:
        run: A run of a store.
        cache: The folder of what is derived from the store.
    """
    key = [VERSION, __version__, run.record.digest, RunReport.model_json_schema(), models_are_here(), run.stamp()]
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    path = cache / f"run-{name}.json"
    try:
        return RecheckedRun.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        pass
    changed = run.changed_file()
    if changed is not None:
        problem = f"{changed} isn't the file that was added: take the run off the board, or add it again."
        outcome = RecheckedRun(report=None, identities={}, recomputed=[], problems=[problem])
    else:
        outcome = recheck(run.folder)
    write_atomically(path, outcome.model_dump_json().encode(), LeaderboardError)
    return outcome


def models_are_here() -> bool:
    """Return whether reward models can run on this machine."""
    return find_spec("torch") is not None and find_spec("transformers") is not None


def recheck(folder: RunFolder) -> RecheckedRun:
    """Compute a run again from its settings, journal and kept images.

    Args:
        folder: The run's folder.

    Returns:
        The report, and what is wrong with the run. Its gold is scored again where the gold judge is the miniature
        world's exact one, its rewards where they come with tia2 and PyTorch is installed.
    """
    outcome = _recheck(folder)
    # Pages and submitters see these sentences: where a server keeps its files is nobody's business.
    problems = [without_path(problem, folder.path) for problem in outcome.problems]
    return outcome.model_copy(update={"problems": problems})


def _recheck(folder: RunFolder) -> RecheckedRun:
    try:
        facts, settings, records = folder.facts(), folder.settings(), _evaluations(folder)
        problems = [*_facts_problems(facts, settings), *_journal_problems(folder, records, facts)]
    except (Tia2Error, KeyError, TypeError, ValueError, RecursionError) as error:
        return _refused([f"The run's files don't fit together: {_reason(error)}."])
    if problems:
        return _refused(problems)
    identities = {
        role: identity
        for role, entry in facts.get("entries", {}).items()
        if (identity := EntryIdentity.recorded(entry)) is not None
    }
    entries = again_here(settings)
    try:
        again = EntriesAgain(entries, settings) if entries else None
    except Tia2Error as error:
        return _refused([f"The run's entries can't be computed again: {error}"])
    problems, recomputed = _score_again(folder, sorted(records), settings, again)
    if settings.reward.plus:
        identities.pop(PROXY, None)  # a sum of entries is none of them
    if again is not None:
        # Not what the run says of itself, but what was loaded here.
        named = [role for role in entries if role in facts["judges"] and not (role == PROXY and settings.reward.plus)]
        loaded = {role: EntryIdentity.recorded(again.rewards.identity(role)) for role in named}
        identities |= {role: identity for role, identity in loaded.items() if identity is not None}
    if problems:
        return _refused(problems)
    try:
        report = make_report(folder)
    except (Tia2Error, ValueError) as error:
        return _refused([f"The report can't be computed: {_reason(error)}."])
    return RecheckedRun(report=report, identities=identities, recomputed=recomputed, problems=[])


def entries_of(settings: RunSettings) -> dict[str, EntrySettings]:
    """Return a run's entries by role: "proxy", "watch0" and on, and "gold" where it is an entry."""
    watched = {f"watch{number}": entry for number, entry in enumerate(settings.reward.watch)}
    gold = {GOLD: settings.reward.gold} if isinstance(settings.reward.gold, EntrySettings) else {}
    return {PROXY: settings.reward.proxy, **watched, **gold}


def again_here(settings: RunSettings) -> dict[str, EntrySettings]:
    """Return those of a run's entries that can be computed again here: of reward models and prompts that tia2 brings.

    Among them are the terms that are added to the proxy, as "plus0" and on. Nothing else is ever loaded for it: neither
    a file of the submitter's nor weights from the Hub.
    """
    prompts = settings.prompts
    if not models_are_here() or prompts.file is not None or prompts.benchmark not in (None, "mini"):
        return {}
    entries = {role: entry for role, entry in entries_of(settings).items() if set(entry.rewards) <= MINIATURE}
    terms = {f"plus{number}": term.entry for number, term in enumerate(settings.reward.plus)}
    if any(not set(entry.rewards) <= MINIATURE for entry in terms.values()):
        entries.pop(PROXY, None)
    return {**entries, **(terms if PROXY in entries else {})}


def decoded(frame: pd.DataFrame) -> list[Image.Image]:
    """Return an evaluation's images.

    Raises:
        LeaderboardError: One is no PNG, can't be decoded, or has more pixels than a sample has.
    """
    images: list[Image.Image] = []
    for number, content in enumerate(frame["image"]):
        if not isinstance(content, bytes) or not content.startswith(PNG) or len(content) < PNG_SIZE.size:
            raise LeaderboardError(f"image {number} can't be decoded: it is no PNG")
        *_, width, height = PNG_SIZE.unpack_from(content)
        if width * height > MOST_PIXELS:
            raise LeaderboardError(f"image {number} has {width} × {height} pixels")
        try:
            images.append(read_picture(content))
        except ImageFileError as error:
            raise LeaderboardError(f"image {number} can't be decoded: {error}") from None
    return images


def _refused(problems: Sequence[str]) -> RecheckedRun:
    return RecheckedRun(report=None, identities={}, recomputed=[], problems=list(problems))


def _evaluations(folder: RunFolder) -> dict[int, dict[str, Any]]:
    return {int(record["epoch"]): record for record in folder.records() if record["kind"] == "evaluation"}


def _facts_problems(facts: Mapping[str, Any], settings: RunSettings) -> list[str]:
    """Compare what the run says of its judges with its settings."""
    expected = {*entries_of(settings), *([GOLD] if settings.reward.gold == JUDGE else [])}
    judges = facts["judges"]
    if not isinstance(judges, dict) or not all(isinstance(name, str) for name in judges.values()):
        return ["run.json names no judges."]
    if set(judges) != expected:
        return [
            f"run.json names the judges {', '.join(sorted(judges))}; its settings have {', '.join(sorted(expected))}."
        ]
    if settings.reward.gold == JUDGE and judges[GOLD] != EXACT:
        return [f"run.json calls its gold {judges[GOLD]!r}; its settings have the exact judge."]
    return [] if isinstance(facts.get("entries", {}), dict) else ["run.json gives its entries in another form."]


def _journal_problems(
    folder: RunFolder, records: Mapping[int, Mapping[str, Any]], facts: Mapping[str, Any]
) -> list[str]:
    """Compare the journal's lines with the evaluations' scores."""
    epochs = sorted(records)
    if epochs != folder.evaluated_epochs():
        return [f"The journal has evaluations at the epochs {epochs}; the files are of {folder.evaluated_epochs()}."]
    if len(epochs) < 2 or epochs[0] != 0:
        return [f"A run needs an evaluation of the base model and another one, got those at the epochs {epochs}."]
    first: pd.DataFrame | None = None
    for epoch, record in sorted(records.items()):
        where = f"The evaluation at epoch {epoch}"
        frame, roles = folder.evaluation(epoch, images=False), facts["judges"]
        missing = [name for name in ("prompt", "split", "part", "number", *roles) if name not in frame]
        if missing or not len(frame):
            return [f"{where} has no {missing[0] if missing else 'images'}."]
        scores = frame[list(roles)].to_numpy(np.float64)
        if not np.isfinite(scores).all():
            return [f"{where} has scores that are NaN or infinite."]
        layout = frame[["prompt", "split", "part", "number"]]
        first = layout if first is None else first
        if not layout.equals(first):
            return [f"{where} is of other prompts or images than the first one."]
        logged = np.array([record[role] for role in roles], np.float64)
        if not np.allclose(scores.mean(axis=0), logged, rtol=0, atol=1e-6):
            return [f"{where} has other scores than the journal says."]
        steps = np.asarray(record["step_kl"], np.float64)
        same = np.isclose(total_kl(steps), float("nan") if record["kl"] is None else record["kl"], equal_nan=True)
        if not same or not np.isfinite(steps).all() or (steps < 0).any():
            return [f"{where} has a KL divergence that isn't the sum of its steps, or is no divergence."]
    return []


def _score_again(
    folder: RunFolder, epochs: Sequence[int], settings: RunSettings, again: EntriesAgain | None
) -> tuple[list[str], list[str]]:
    """Score the kept images again where that is possible, and compare.

    Returns:
        Problems, and the roles whose scores came out as they were stored.
    """
    exact = settings.reward.gold == JUDGE
    terms = {f"plus{number}": term.weight for number, term in enumerate(settings.reward.plus)}
    computed = [role for role in (again.rewards.entries if again is not None else ()) if role not in terms]
    roles = [*computed, *([GOLD] if exact else [])]
    for epoch in epochs:
        frame = folder.evaluation(epoch)
        prompts = frame["prompt"].tolist()
        if again is not None and epoch == epochs[0] and (problem := _prompts_problem(frame, again)):
            return [problem], []
        try:
            images = decoded(frame)
            values = {} if again is None else again.rewards.values(images, prompts)
            for term, weight in terms.items():
                if term in values:
                    values[PROXY] = values[PROXY] + weight * values.pop(term)
            if exact:
                values[GOLD] = judged(images, prompts)
        except Tia2Error as error:
            return [f"The images at epoch {epoch} can't be scored: {str(error).rstrip('.')}."], []
        for role, numbers in values.items():
            limit = 0.0 if exact and role == GOLD else TOLERANCE
            different = np.abs(numbers - frame[role].to_numpy(np.float64)) > limit
            if different.any():
                name = "The exact judge" if exact and role == GOLD else f"The entry {role}"
                return [
                    f"{name} gives {int(different.sum())} of {len(frame)} images at epoch {epoch} other scores than "
                    "the run kept: its images or its scores were changed."
                ], []
    return [], roles


def _prompts_problem(frame: pd.DataFrame, again: EntriesAgain) -> str | None:
    for split, prompts in again.prompts.items():
        if tuple(dict.fromkeys(frame.loc[frame["split"] == split, "prompt"])) != tuple(prompts):
            return f"The {split} prompts of the evaluations aren't those of the settings."
    return None


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{'it lacks ' if isinstance(error, KeyError) else ''}{text}"[:200].rstrip(".")
