"""Run the conformance checks on a reward model."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError, unknown_name
from tia2.rewards.conformance import facts, inputs, outputs
from tia2.rewards.conformance import independence as company
from tia2.rewards.conformance.checks import Check
from tia2.rewards.conformance.report import CheckResult, ConformanceReport
from tia2.rewards.conformance.samples import TEXTS, sample_images
from tia2.rewards.conformance.trial import Caught, Finding, Subject
from tia2.rewards.registry import load_reward

if TYPE_CHECKING:
    from PIL import Image

    from tia2.rewards.base import RewardModel

CHECKS: dict[str, Check] = {
    item.name: item
    for item in (
        outputs.shape,
        outputs.finite,
        company.deterministic,
        company.batch_size,
        company.company,
        company.order,
        company.stateless,
        company.threads,
        company.inputs_unchanged,
        outputs.depends_on_text,
        outputs.depends_on_image,
        outputs.encode_once,
        outputs.half_precision,
        inputs.image_modes,
        inputs.exif_rotation,
        inputs.image_sizes,
        inputs.texts,
        inputs.bad_input,
        facts.fingerprint,
        facts.card,
        facts.speed,
        facts.memory,
    )
}
"""By name, in the order of the report: what others follow from comes first."""

TOLERANCE = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.1}
"""The largest difference between equal rewards, as a share of the spread, by the number format of the towers."""


def check(
    reward: str | os.PathLike[str] | RewardModel | Callable[..., Any],
    *,
    images: Sequence[Image.Image] | None = None,
    texts: Sequence[str] | None = None,
    tolerance: float | None = None,
    only: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> ConformanceReport:
    """Run the conformance checks on a reward model.

    Args:
        reward: A reward as `load_reward` takes it: a spec such as "my_reward.py:Mine", a reward model or a function.
        images: RGB images to score, at least four; generated ones if None.
        texts: Short texts to score, at least four; ordinary prompts if None.
        tolerance: Largest difference between rewards that should be equal, as a share of the standard deviation of the
            sample rewards; 0.001 for float32 towers, 0.05 for float16 and 0.1 for bfloat16 if None.
        only: Names of the checks to run; all if None.
        progress: Called with the name of each check before it is run.
        **options: Options of `load_reward`.

    Returns:
        The report. A check that raises counts as failed; the others are run.

    Raises:
        UnknownNameError: No such reward model, or no such check.
        RewardError: The reward model can't be loaded, or an argument is out of range.

    Example:
        >>> def blind(images, texts):
        ...     return [float(sum(image.getpixel((0, 0)))) for image in images]
        >>> print(check(blind)["depends-on-text"].found)
        Every text gives an image the same reward.
    """
    chosen = _chosen(only)
    if tolerance is not None and not 0 < tolerance < math.inf:
        raise RewardError(f"tolerance is {tolerance!r}; expected a number above 0, such as 0.001.")
    start = time.perf_counter()
    model = load_reward(reward, **options)
    loading = time.perf_counter() - start
    spec = os.fspath(reward) if isinstance(reward, str | os.PathLike) else None
    with Caught():
        dtype = str(model.card.dtype).removeprefix("torch.")
        tolerance = tolerance or TOLERANCE.get(dtype, TOLERANCE["float32"])
    subject = Subject(
        model,
        _enough(sample_images() if images is None else images, "images"),
        _enough(_taken_whole(model, TEXTS) if texts is None else texts, "texts"),
        tolerance or TOLERANCE["float32"],
        reload=(lambda: load_reward(reward, **options)) if spec and loading < facts.RELOAD_BELOW_SECONDS else None,
    )
    results = {}
    # Memory first: only the first large call shows its peak.
    for item in sorted(chosen, key=lambda item: item.name != "memory"):
        if progress:
            progress(item.name)
        results[item.name] = run_check(item, subject)
    return _report(subject, spec, tuple(results[item.name] for item in chosen))


def run_check(item: Check, subject: Subject) -> CheckResult:
    """Run one check and return its result, whatever it raises."""
    start = time.perf_counter()
    finding = Finding("")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Caught() as caught:
            finding = item.run(subject)
    if caught.error is not None:
        finding = Finding(caught.line, failed=True)
    measured = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in finding.measured.items()
    }
    return CheckResult(
        name=item.name,
        tests=item.tests,
        status="failed" if finding.failed else "skipped" if finding.skipped else "passed",
        found=finding.found,
        fix=(finding.fix or item.fix) if finding.failed else None,
        warnings=tuple(finding.warnings),
        measured=measured,
        seconds=time.perf_counter() - start,
    )


def _report(subject: Subject, spec: str | None, results: tuple[CheckResult, ...]) -> ConformanceReport:
    from tia2._version import __version__

    facts_of: dict[str, Any] = {}
    with Caught():
        facts_of["fingerprint"] = str(subject.reward.fingerprint)
    with Caught():
        facts_of["dtype"] = str(subject.reward.card.dtype)
    with Caught():
        facts_of |= {"spread": subject.spread, "allowed": subject.allowed}
    return ConformanceReport(
        reward=str(subject.reward.name),
        spec=spec,
        device=str(getattr(subject.reward, "device", "unknown")),
        tia2_version=__version__,
        tolerance=subject.tolerance,
        n_images=len(subject.images),
        n_texts=len(subject.texts),
        results=results,
        **facts_of,
    )


def _chosen(only: Sequence[str] | None) -> list[Check]:
    for name in only or ():
        if name not in CHECKS:
            raise unknown_name("check", name, CHECKS)
    return [item for name, item in CHECKS.items() if only is None or name in only]


def _enough(values: Sequence[Any], kind: str) -> list[Any]:
    if len(values) < 4:
        raise RewardError(f"The checks need at least 4 {kind}, got {len(values)}.")
    return list(values)


def _taken_whole(model: RewardModel, texts: Sequence[str]) -> list[str]:
    """Leave out texts past the model's limit, unless hardly any would remain."""
    overlong = getattr(model, "overlong", None)
    cut: set[str] = set()
    with Caught():
        cut = set(overlong(texts)) if callable(overlong) else set()
    whole = [text for text in texts if text not in cut]
    return whole if len(whole) >= 4 else list(texts)
