"""What a reviewer looks at, as one HTML page that works without a network; it is for reviewers only."""

from __future__ import annotations

from ..submissions.reviewing.preview import Preview
from ..views.rendering import render, source

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def review_page(preview: Preview) -> str:
    """Return the page: the whole card, flags, figures, nearest entries, and the board as it would be.

    Everything that the submitter wrote is shown as text; the page asks for nothing and runs no script.

    Args:
        preview: All that a reviewer looks at.

    Example:
        >>> review_page(preview(queue, "3f2a91c0"))[:15]  # doctest: +SKIP
        '<!DOCTYPE html>'
    """
    queued = preview.queued
    facts = {
        "id": queued.id,
        "received": queued.received,
        "submitter": queued.submitter,
        "file": f"{queued.filename}, {queued.size:,} bytes, SHA-256 {queued.sha256}",
        "benchmark": queued.benchmark,
        "state": queued.state,
        "replaces": queued.replaces or "",
        "reason": queued.reason,
        "decided by": queued.decided_by or "",
    }
    return render(
        "review.html",
        title=f"{queued.name}: a submission",
        css=source("offline.css"),
        policy=POLICY,
        facts={name: text for name, text in facts.items() if text},
        preview=preview,
        report=queued.report,
        declared={name: str(value) for name, value in preview.declared.items() if value not in (None, "")},
    )
