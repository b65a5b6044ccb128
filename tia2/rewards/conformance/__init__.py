"""Does a reward model keep to the interface? Checks for authors of plugins, as `tia2 rewards check` runs them.

Example:
    >>> from tia2.rewards import conformance
    >>> def blind(images, texts):
    ...     return [float(sum(image.getpixel((0, 0)))) for image in images]
    >>> [result.name for result in conformance.check(blind).failures]
    ['depends-on-text']
"""

from __future__ import annotations

from tia2.rewards.conformance.checks import Check
from tia2.rewards.conformance.report import CheckResult, ConformanceReport
from tia2.rewards.conformance.suite import CHECKS, TOLERANCE, check

__all__ = ["CHECKS", "TOLERANCE", "Check", "CheckResult", "ConformanceReport", "check"]
