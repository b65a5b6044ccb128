"""Checks on the facts that a reward model states, and on its cost."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import numpy as np

from tia2.rewards.card import RewardCard
from tia2.rewards.conformance.checks import conformance
from tia2.rewards.conformance.trial import Finding, Subject
from tia2.rewards.identity import identity

RELOAD_BELOW_SECONDS = 30.0
"""A model that takes longer to load is not loaded twice."""


@conformance(
    "fingerprint",
    tests="64 hex digits, the same after scoring and in a second instance",
    fix=(
        "Return a SHA-256 hex digest over weights, settings and source: "
        "tia2.rewards.loading.fingerprints.fingerprint(files, **facts); no time, no id(), no random number."
    ),
)
def fingerprint(subject: Subject) -> Finding:
    """Read the fingerprint before and after a call, and that of a second instance."""
    first = subject.reward.fingerprint
    if not isinstance(first, str) or not re.fullmatch(r"[0-9a-f]{64}", first):
        return Finding(f"The fingerprint is {first!r:.80}, not 64 hex digits.", failed=True)
    before = identity(subject.reward)
    subject.reward.score(subject.images[:1], subject.texts[:1])
    after = identity(subject.reward)
    warnings = [
        f"The fingerprint doesn't cover {part}, so that a score table is not resumed without --trust-fingerprint."
        for part in before.undigested
    ]
    if after.fingerprint != before.fingerprint:
        if not before.parts:
            return Finding("The fingerprint changes with scoring.", failed=True)
        # Whether the rewards change, too, is the question of the check `stateless`.
        changed = sorted(name for name in after.parts if after.parts[name] != before.parts.get(name))
        warnings.append(
            f"The fingerprint changes with scoring, by {', '.join(changed)}: name caches and counters in "
            "fingerprint_excludes."
        )
    if subject.reload is None:
        return Finding(f"{first[:12]}…; no second instance made", warnings=warnings)
    # What scoring has changed in the first, by a cache, says nothing about two new instances.
    expected = subject.reload().fingerprint if before.parts else first
    if subject.reload().fingerprint != expected:
        return Finding("A second instance has another fingerprint.", failed=True)
    return Finding(f"{first[:12]}…, the same in a second instance", warnings=warnings)


WORTH_KNOWING = ("formula", "unit", "preprocessing", "licence", "training_data")


@conformance(
    "card",
    tests="a RewardCard that names the model and whose range holds; unknown fields are a warning",
    fix=(
        "Return a tia2.rewards.RewardCard with the model's own name and a range that its rewards keep to, "
        "None where there is no bound."
    ),
)
def card(subject: Subject) -> Finding:
    """Test the card's type, name and range, and list what it leaves unknown."""
    facts = subject.reward.card
    if not isinstance(facts, RewardCard):
        return Finding(f"card is {type(facts).__name__}, not a RewardCard.", failed=True)
    if facts.name != subject.reward.name or not facts.name:
        return Finding(f"The card says {facts.name!r}, the reward's name is {subject.reward.name!r}.", failed=True)
    low, high = facts.range
    lowest, highest = (float(subject.numbers.min()), float(subject.numbers.max())) if subject.numbers.size else (0, 0)
    margin = max(subject.allowed, 1e-5 * max(abs(lowest), abs(highest)))
    measured: dict[str, float | int | str] = {"lowest": lowest, "highest": highest}
    if (low is not None and lowest < low - margin) or (high is not None and highest > high + margin):
        text = f"Rewards go from {lowest:.4g} to {highest:.4g}, outside the card's range {low} to {high}."
        return Finding(text, failed=True, measured=measured)
    unknown = [name for name in WORTH_KNOWING if getattr(facts, name) == "unknown"]
    unknown += [name for name in ("default_temperature",) if facts.kind != "control" and getattr(facts, name) is None]
    measured["unknown"] = len(unknown)
    finding = Finding("complete" if not unknown else f"{len(unknown)} fields unknown", measured=measured)
    if unknown:
        finding.warnings.append(f"The card leaves unknown: {', '.join(unknown)}.")
    return finding


@conformance(
    "speed",
    tests="measures pairs a second, all pairs at once and pair by pair",
    fix="Make score and score_matrix work on the sample images and texts; then their speed can be measured.",
)
def speed(subject: Subject) -> Finding:
    """Time one call with all pairs, and one call per pair."""
    subject.reward.score_matrix(subject.images[:1], subject.texts[:1])
    count = len(subject.images) * len(subject.texts)
    start = time.perf_counter()
    subject.reward.score_matrix(subject.images, subject.texts)
    matrix = count / max(time.perf_counter() - start, 1e-9)
    singles = min(8, len(subject.images), len(subject.texts))
    start = time.perf_counter()
    for index in range(singles):
        subject.reward.score([subject.images[index]], [subject.texts[index]])
    single = singles / max(time.perf_counter() - start, 1e-9)
    return Finding(
        f"{matrix:,.0f} pairs/s in a matrix, {single:,.0f} one by one",
        measured={"matrix_pairs_per_second": matrix, "single_pairs_per_second": single},
    )


@conformance(
    "memory",
    tests="measures the peak of memory while all pairs are scored",
    fix="Make score_matrix work on the sample images and texts; then its memory can be measured.",
)
def memory(subject: Subject) -> Finding:
    """Measure by how much the process's peak grows, or CUDA's peak, when four times the samples are scored."""
    images = subject.images * 4
    cuda = _cuda(getattr(subject.reward, "device", None))
    if cuda is not None:
        cuda.reset_peak_memory_stats(subject.reward.device)  # type: ignore[attr-defined]
    before = peak_bytes()
    scored = subject.reward.score_matrix(images, subject.texts)
    after = peak_bytes()
    subject.first = scored[: len(subject.images)]
    if before is None or after is None:
        return Finding("this system doesn't tell", skipped=True)
    grown = (after - before) / 2**20
    measured: dict[str, float | int | str] = {"pairs": int(np.size(scored)), "peak_growth_mib": grown}
    growth = f"peak grew by {grown:.1f} MiB over {np.size(scored)} pairs"
    if cuda is not None:
        measured["cuda_peak_mib"] = cuda.max_memory_allocated(subject.reward.device) / 2**20  # type: ignore[attr-defined]
        growth += f", CUDA peak {measured['cuda_peak_mib']:.0f} MiB"
    return Finding(growth, measured=measured)


def peak_bytes() -> int | None:
    """Return the most memory that this process has held so far, in bytes; None where the system doesn't tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cuda(device: Any) -> Any:
    """Return torch.cuda if a reward model runs there, without importing torch for one that doesn't."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and str(device).startswith("cuda") and torch.cuda.is_available() else None
