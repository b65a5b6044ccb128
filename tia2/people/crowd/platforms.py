"""What crowd platforms call the columns of their files.

Mechanical Turk takes a CSV whose columns fill a page's placeholders, one row per task (HIT), and gives back one row per
assignment: these columns as `Input.NAME`, the page's fields as `Answer.NAME`, and who, when and how it went; the same
file, with `Approve` or `Reject` filled in, is uploaded to pay. It closed on 30 September 2026; its files stay readable.
Prolific sends people to a page elsewhere and gives back one row per submission; a page's answers are joined to it by
the participant's id.

Source: https://docs.aws.amazon.com/AWSMechTurk/latest/AWSMturkAPI/ApiReference_AssignmentDataStructureArticle.html and
.../RequesterUI/ReviewingResultsOutsideoftheRUI.html; https://docs.prolific.com/api-reference/studies/export-study
"""

from __future__ import annotations

from dataclasses import dataclass

from tia2.errors import unknown_name


@dataclass(frozen=True)
class CrowdPlatform:
    """Names of a platform's columns.

    Attributes:
        name: Name of the platform.
        rater: Column with the person's id.
        submission: Column with the id of what one person sent in.
        status: Column with what became of it.
        counted: Values of the status, in capitals, that count; others were rejected, returned or ran out of time.
        seconds: Column with the seconds that it took.
        given: Prefix of the names of a task's columns in results.
        answered: Prefix of the names of the answers.
    """

    name: str
    rater: str
    submission: str
    status: str
    counted: tuple[str, ...]
    seconds: str
    given: str = ""
    answered: str = ""


MTURK = CrowdPlatform(
    "mturk",
    "WorkerId",
    "AssignmentId",
    "AssignmentStatus",
    ("SUBMITTED", "APPROVED"),
    "WorkTimeInSeconds",
    "Input.",
    "Answer.",
)
PROLIFIC = CrowdPlatform(
    "prolific", "Participant id", "Submission id", "Status", ("APPROVED", "AWAITING REVIEW"), "Time taken"
)
PLATFORMS = {platform.name: platform for platform in (MTURK, PROLIFIC)}


def platform_of(name: str) -> CrowdPlatform:
    """Return a platform by its name.

    Args:
        name: "mturk" or "prolific".

    Raises:
        UnknownNameError: There is no such platform here.
    """
    if name not in PLATFORMS:
        raise unknown_name("platform", name, PLATFORMS)
    return PLATFORMS[name]
