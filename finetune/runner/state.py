"""A run's folder: what is kept of it, each file whole or not there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError
from tia2.files import replacing, write_atomically

from ..settings.adjusting import differing_fields
from ..settings.run import RunSettings, checked
from ..training.tensor_files import load_tensors, save_tensors
from . import lock
from .journal import Journal

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
_WRITTEN = ("run.json", "journal.jsonl", "curves.parquet", "checkpoint.pt")
"""Files that are written again and again; a killed process leaves unfinished ones beside them."""
_EVALUATION_COLUMNS = ("prompt", "split", "part", "number", "image")


class RunFolder:
    """The files of one run.

    `run.json` holds the settings and versions, `journal.jsonl` one line per epoch and evaluation, `curves.parquet` the
    same as a table, `evaluations/` the images of every evaluation with all their scores, `weights/` the trained weights
    at each evaluation, and `checkpoint.pt` all that a resumed run needs.

    Args:
        path: The folder.

    Example:
        >>> folder = RunFolder(Path("runs/mini-ddpo"))
        >>> folder.evaluation(40).groupby("prompt")["gold"].mean()  # doctest: +SKIP
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.about = path / "run.json"
        self.journal = Journal(path / "journal.jsonl")
        self.checkpoint = path / "checkpoint.pt"
        self.curves_path = path / "curves.parquet"

    @classmethod
    def create(cls, path: Path, settings: RunSettings, facts: Mapping[str, Any]) -> RunFolder:
        """Begin a run in a new folder, or take up the folder of the same run.

        Settings that change no result, such as the number of images at a time, may differ from the folder's: the new
        ones are kept.

        Args:
            path: The folder.
            settings: The run's settings.
            facts: Further facts: versions, names of the judges, dimensions.

        Raises:
            FinetuneError: The folder holds another run, or other files, or another process writes it.
        """
        folder = cls(path)
        if not folder.about.is_file() and path.exists():
            others = {entry.name for entry in path.iterdir()} - {lock.NAME} if path.is_dir() else {path.name}
            if any(not name.startswith(".run.json.") for name in others):
                raise FinetuneError(f"{path} is not empty and holds no run: choose another --out.")
        with folder.locked():
            content = {"format": FORMAT, "settings": settings.model_dump(mode="json"), **facts}
            if folder.about.is_file():
                present = folder.settings()
                if present == settings:
                    return folder
                if fields := differing_fields(present, settings):
                    raise FinetuneError(
                        f"{path} holds the run {present.name!r} with other settings ({', '.join(fields)}). Choose "
                        f"another --out, or continue that one: tia2 finetune resume {path}"
                    )
                content = {**folder.facts(), "settings": content["settings"]}
            write_atomically(
                folder.about, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(), FinetuneError
            )
        return folder

    def locked(self) -> AbstractContextManager[None]:
        """Return a block within which no other process writes the folder."""
        return lock.locked(self.path)

    def facts(self) -> dict[str, Any]:
        """Return what `run.json` says.

        Raises:
            FinetuneError: There is no run in the folder, or its file is damaged.
        """
        try:
            content = json.loads(self.about.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FinetuneError(f"{self.path} holds no fine-tuning run: there is no run.json in it.") from None
        except (OSError, ValueError) as error:
            raise FinetuneError(f"{self.about} can't be read: {error}.") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise FinetuneError(f"{self.about} is of another format than this tia2 reads ({FORMAT}).")
        return content

    def settings(self) -> RunSettings:
        """Return the run's settings.

        Raises:
            FinetuneError: As `facts`.
        """
        return checked(self.facts()["settings"], str(self.about))

    # Journal

    def log(self, record: Mapping[str, Any]) -> None:
        """Add a record to the journal."""
        self.journal.append(record)

    def records(self) -> list[dict[str, Any]]:
        """Return the journal's records: one per epoch and evaluation, in order.

        Raises:
            FinetuneError: The journal is damaged.
        """
        return self.journal.records()

    def forget_after(self, epoch: int) -> None:
        """Drop what was written of later epochs, since a resumed run writes it again, and what was left unfinished.

        Args:
            epoch: The epoch of the checkpoint that the run resumes from; −1 where there is none.
        """
        self.journal.forget_after(epoch)
        for later in [number for number in self.evaluated_epochs() if number > epoch]:
            self.evaluation_path(later).unlink()
        for weights in (self.path / "weights").glob("epoch_*"):
            if int(weights.name.removeprefix("epoch_")) > epoch:
                shutil.rmtree(weights, ignore_errors=True)
        if self.curves_path.is_file():
            self.save_curves()
        for pattern in (*(f".{name}*.tmp" for name in _WRITTEN), "*/.*.tmp"):
            for unfinished in self.path.glob(pattern):
                _remove(unfinished)

    def curves(self) -> pd.DataFrame:
        """Return the journal as a table: one row per epoch and evaluation, one column per figure.

        Figures that a row's kind doesn't have are NaN; `step_kl` is a list.
        """
        import pandas as pd

        frame: pd.DataFrame = pd.DataFrame(self.records())
        for name in frame.columns.difference(["kind", "step_kl"]):
            frame[name] = pd.to_numeric(frame[name])
        return frame

    def save_curves(self) -> None:
        """Keep the journal as a table in `curves.parquet`."""
        with replacing(self.curves_path, FinetuneError) as unfinished:
            self.curves().to_parquet(unfinished, index=False)

    # Checkpoint and weights

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Keep what a resumed run needs."""
        save_tensors(self.checkpoint, state, "The checkpoint before it is kept.")

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Return what `save_checkpoint` kept, None where nothing is.

        Raises:
            FinetuneError: The file is damaged.
        """
        if not self.checkpoint.is_file():
            return None
        return load_tensors(
            self.checkpoint, "Restore it from a copy, or delete it to begin again with the first evaluation."
        )

    def weights_path(self, epoch: int) -> Path:
        """Return the folder of the trained weights after an epoch."""
        return self.path / "weights" / f"epoch_{epoch:05d}"

    # Evaluations

    def evaluation_path(self, epoch: int) -> Path:
        """Return the file of an evaluation's images and scores."""
        return self.path / "evaluations" / f"epoch_{epoch:05d}.parquet"

    def evaluated_epochs(self) -> list[int]:
        """Return the epochs that were evaluated, in order."""
        files = (self.path / "evaluations").glob("epoch_*.parquet")
        return sorted(int(file.stem.removeprefix("epoch_")) for file in files)

    def save_evaluation(self, epoch: int, frame: pd.DataFrame) -> None:
        """Keep an evaluation: one row per image with its scores, and the image as PNG."""
        with replacing(self.evaluation_path(epoch), FinetuneError) as unfinished:
            frame.to_parquet(unfinished, index=False)

    def evaluation(self, epoch: int, images: bool = True) -> pd.DataFrame:
        """Return an evaluation.

        Args:
            epoch: Its epoch.
            images: Whether to read the images too.

        Raises:
            FinetuneError: It isn't there, or is damaged.
        """
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.evaluation_path(epoch)
        try:
            names = pq.read_schema(path).names
            missing = [name for name in _EVALUATION_COLUMNS if name not in names]
            if missing:
                raise FinetuneError(f"{path} is no evaluation: it lacks the column {missing[0]}.")
            columns = None if images else [name for name in names if name != "image"]
            frame: pd.DataFrame = pd.read_parquet(path, columns=columns)
        except FinetuneError:
            raise
        except (OSError, ValueError, pa.ArrowException) as error:
            raise FinetuneError(
                f"{path} can't be read: {' '.join(str(error).split())}. Restore it from a copy, or delete it: reports "
                "then leave its epoch out."
            ) from None
        return frame


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
