"""A submitted fine-tuning run: one zip of its settings, journal and evaluations, with a digest of each file.

submission.json
run/run.json, journal.jsonl, evaluations/epoch_00000.parquet, ...    as the run wrote them; no weights, no checkpoint
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tia2.errors import LeaderboardError, UsageError
from tia2.files import json_of

from ..data.records import StrictModel
from ..finetuned.files import files_to_keep
from ..finetuned.finetuning import RunFolder
from .limits import LIMITS, MIB
from .package import add_member
from .paths import public_values

FOLDER, SETTINGS = "run", "run.json"
LONGEST_TITLE = 60


class RunSubmission(StrictModel):
    """What submission.json holds of a run. All of it is a claim, to be checked or shown as text."""

    schema_version: Literal[1] = 1
    kind: Literal["run"] = "run"
    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE)]
    """What reviewers see: the proxy's name and the seed."""
    description: Annotated[str, Field(max_length=2000)] = ""
    contact: Annotated[str, Field(max_length=300)] = ""
    """An https address."""
    files: Annotated[dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], Field(min_length=3, max_length=4000)]
    """SHA-256 of each file of the run, by its name in the run's folder."""
    tia2_version: Annotated[str, Field(max_length=40)]
    created: Annotated[str, Field(max_length=40)]


class SubmissionKind(BaseModel):
    """The part of any submission.json that says what is submitted."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: str = "tables"


def is_run_folder(path: Path) -> bool:
    """Return whether a path is the folder of a fine-tuning run."""
    return (path / "run.json").is_file()


def only_runs(paths: Sequence[Path], options: Sequence[str] = ()) -> bool:
    """Return whether all paths are folders of runs; False if none is.

    Args:
        paths: Folders that somebody wants to submit or add.
        options: Options given that say something about score tables.

    Raises:
        UsageError: Runs and score tables are mixed, or an option doesn't apply to runs.
    """
    runs = [path for path in paths if is_run_folder(path)]
    if not runs:
        return False
    if len(runs) < len(paths):
        other = next(path for path in paths if path not in runs)
        raise UsageError(f"Expected score tables or fine-tuning runs, got both: {runs[0]} is a run, {other} isn't.")
    if options:
        raise UsageError(f"{options[0]} is said of score tables; a fine-tuning run says all of that itself.")
    return True


def is_run_submission(folder: Path) -> bool:
    """Return whether an unpacked submission is a run; what can't be read counts as score tables, which then say why."""
    try:
        return SubmissionKind.model_validate_json((folder / "submission.json").read_bytes()).kind == FOLDER
    except (OSError, ValidationError):
        return False


def build_run(
    source: Path, out: Path, *, description: str = "", contact: str = "", created: str | None = None
) -> RunSubmission:
    """Write a submission of a run, whole or not at all; equal arguments give equal bytes.

    Args:
        source: Folder of the run.
        out: The zip to write.
        description: A few sentences about it.
        contact: Address for questions, https.
        created: When, UTC; now if None.

    Returns:
        What submission.json holds.

    Raises:
        FinetuneError: There is no run in the folder, or one of its files is damaged.
        LeaderboardError: It has too few evaluations, is too large, or `out` can't be written.

    Example:
        >>> build_run(Path("runs/mini-ddpo"), Path("run.zip")).title  # doctest: +SKIP
        'mini-countblind, seed 0'
    """
    from tia2._version import __version__
    from tia2.files import write_atomically

    from ..data.store import now

    paths = files_to_keep(source)
    contents = {kept: path.read_bytes() for kept, path in paths.items()}
    contents[SETTINGS] = _public(contents[SETTINGS])
    folder = RunFolder(source)
    name = str(folder.facts().get("judges", {}).get("proxy", "run"))
    seed = f", seed {folder.settings().seed}"
    submission = RunSubmission(
        title=f"{name[: LONGEST_TITLE - len(seed)]}{seed}",
        description=description,
        contact=contact,
        files={kept: hashlib.sha256(content).hexdigest() for kept, content in contents.items()},
        tia2_version=__version__,
        created=created or now(),
    )
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        add_member(archive, "submission.json", (submission.model_dump_json(indent=1) + "\n").encode())
        for kept, member in contents.items():
            add_member(archive, f"{FOLDER}/{kept}", member)
    content = sink.getvalue()
    if len(content) > LIMITS.upload:
        raise LeaderboardError(
            f"The submission has {len(content) / MIB:.0f} MiB; at most {LIMITS.upload // MIB} MiB can be submitted. "
            "Fewer evaluations or images per prompt take less."
        )
    write_atomically(out, content, LeaderboardError)
    return submission


def _public(settings: bytes) -> bytes:
    """Return run.json without the folders of the machine that it ran on; byte for byte as it is where it names none."""
    content = json_of(settings)
    public = public_values(content)
    return settings if public == content else (json.dumps(public, indent=1, ensure_ascii=False) + "\n").encode()
