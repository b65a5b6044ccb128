"""A run's folder: what is kept of it, each file whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError
from tia2.files import replacing, write_atomically

from ..settings.run import RunSettings, checked

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1


class RunFolder:
    """The files of one run.

    `run.json` holds the settings and versions, `journal.jsonl` one line per epoch and evaluation, `evaluations/` the
    images of every evaluation with all their scores, `weights/` the trained weights at each evaluation, and
    `checkpoint.pt` all that a resumed run needs.

    Args:
        path: The folder.

    Example:
        >>> folder = RunFolder(Path("runs/mini-ddpo"))
        >>> folder.evaluation(40).groupby("prompt")["gold"].mean()  # doctest: +SKIP
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.about = path / "run.json"
        self.journal = path / "journal.jsonl"
        self.checkpoint = path / "checkpoint.pt"

    @classmethod
    def create(cls, path: Path, settings: RunSettings, facts: Mapping[str, Any]) -> RunFolder:
        """Begin a run in a new folder, or take up the folder of the same run.

        Args:
            path: The folder.
            settings: The run's settings.
            facts: Further facts: versions, names of the judges, dimensions.

        Raises:
            FinetuneError: The folder holds another run, or other files.
        """
        folder = cls(path)
        if folder.about.is_file():
            present = folder.settings()
            if present != settings:
                raise FinetuneError(
                    f"{path} holds the run {present.name!r} with other settings. Choose another --out, or continue "
                    f"that one: tia2 finetune resume {path}"
                )
            return folder
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FinetuneError(f"{path} is not empty and holds no run: choose another --out.")
        content = {"format": FORMAT, "settings": settings.model_dump(mode="json"), **facts}
        write_atomically(
            folder.about, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(), FinetuneError
        )
        return folder

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
        """Add a line to the journal."""
        line = json.dumps(record, ensure_ascii=False) + "\n"
        try:
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise FinetuneError(f"{self.journal} can't be written: {error.strerror or error}.") from None

    def records(self) -> list[dict[str, Any]]:
        """Return the journal's lines; a line that a killed run left unfinished is passed over."""
        if not self.journal.is_file():
            return []
        lines = self.journal.read_text(encoding="utf-8").splitlines()
        return [record for line in lines if (record := _record(line)) is not None]

    def forget_after(self, epoch: int) -> None:
        """Drop the journal's lines of epochs after one, since a resumed run writes them again."""
        kept = [record for record in self.records() if record["epoch"] <= epoch]
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
        write_atomically(self.journal, lines.encode(), FinetuneError)

    # Checkpoint and weights

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Keep what a resumed run needs."""
        import torch

        with replacing(self.checkpoint, FinetuneError, "The checkpoint before it is kept.") as unfinished:
            torch.save(dict(state), unfinished)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Return what `save_checkpoint` kept, None where nothing is.

        Raises:
            FinetuneError: The file is damaged.
        """
        import torch

        if not self.checkpoint.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # torch's reader raises anything on a torn file
            raise FinetuneError(
                f"{self.checkpoint} is damaged ({' '.join(str(error).split())[:120]}). Delete it to begin again."
            ) from None
        return state

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
            columns = None if images else [name for name in pq.read_schema(path).names if name != "image"]
            frame: pd.DataFrame = pd.read_parquet(path, columns=columns)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise FinetuneError(f"{path} can't be read: {' '.join(str(error).split())}.") from None
        return frame


def _record(line: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(line)
    except ValueError:  # a killed run left the line unfinished
        return None
    return record
