"""Submissions to a leaderboard that lives in a dataset repository on the Hugging Face Hub: a pull request each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tia2.errors import LeaderboardError

from ..data.store import slug
from .checking.report import SubmissionReport
from .checking.texts import quote
from .package import Submission
from .run_package import RunSubmission

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


def open_pull_request(
    repository: str, path: Path, submission: Submission | RunSubmission, report: SubmissionReport, api: Any = None
) -> str:
    """Put a submission into a pull request.

    Args:
        repository: OWNER/NAME of a dataset repository.
        path: The zip.
        submission: Declared facts.
        report: Report of the checks at home; nothing of it is taken on trust there.
        api: A `huggingface_hub.HfApi`; one for the account that is logged in if None.

    Returns:
        The address of the pull request.

    Raises:
        LeaderboardError: The repository can't be reached, isn't there, or refuses.

    Example:
        >>> open_pull_request("somebody/board", Path("mine.zip"), submission, SubmissionReport())  # doctest: +SKIP
        'https://huggingface.co/datasets/somebody/board/discussions/1'
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        RepositoryNotFoundError,
    )

    if not _REPOSITORY.fullmatch(repository):
        raise LeaderboardError(f"Expected a dataset repository as OWNER/NAME, got {quote(repository)}.")
    if isinstance(submission, RunSubmission):
        title, what = submission.title, "a fine-tuning run"
    else:
        title, what = submission.card.name, f"on {submission.benchmark}, {submission.tables} score table(s)"
    name = slug(title)
    lines = [f"{title}, {what}." if what.startswith("a ") else f"{title} {what}.", *report.public_lines]
    try:
        commit = (api or HfApi()).create_commit(
            repo_id=repository,
            repo_type="dataset",
            operations=[CommitOperationAdd(path_in_repo=f"submissions/{name}.zip", path_or_fileobj=str(path))],
            commit_message=f"Submit {title}",
            commit_description="\n".join(f"    {line}" for line in lines),
            create_pr=True,
        )
    except RepositoryNotFoundError:
        raise LeaderboardError(
            f"There is no dataset repository {repository} on the Hub, or it is hidden from you: check the name, and "
            "log in with `hf auth login`."
        ) from None
    except LocalTokenNotFoundError:
        raise LeaderboardError("The Hub needs to know who you are: log in with `hf auth login`.") from None
    except (HfHubHTTPError, EntryNotFoundError) as error:
        code = getattr(getattr(error, "response", None), "status_code", None)
        advice = " Log in with `hf auth login`." if code in (401, 403) else ""
        raise LeaderboardError(f"{repository} refused the pull request: {_first_line(error)}.{advice}") from None
    except (HFValidationError, ValueError) as error:
        raise LeaderboardError(f"The pull request can't be opened: {_first_line(error)}.") from None
    except Exception as error:  # Proxies and certificates fail with errors of the hub's web client.
        raise LeaderboardError(
            f"The Hub can't be reached ({_first_line(error) or type(error).__name__}): try again later, or keep the "
            "file with --out and upload it yourself."
        ) from None
    return str(commit.pr_url or commit.commit_url)


def _first_line(error: BaseException) -> str:
    return " ".join((str(error).strip().splitlines() or [""])[0].split())[:200].rstrip(".")
