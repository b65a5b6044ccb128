"""What a study keeps of a run: every score of every evaluation image, without the images, in one small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError
from tia2.files import replacing

from ..diagnostics.curves import RunCurves
from ..runner.state import RunFolder
from ..settings.run import RunSettings, checked

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
_METADATA = b"tia2"


@dataclass(frozen=True)
class RunScores:
    """The scores of one run.

    Attributes:
        facts: Content of `run.json`: settings, versions, names of the judges.
        evaluations: The journal's record of each evaluation, by epoch.
        frame: One row per evaluation image: epoch, prompt, split, part, number, and one column per judge.
        seconds: Processor time of the run's process, in seconds; NaN where it was interrupted.
    """

    facts: Mapping[str, Any]
    evaluations: Mapping[int, Mapping[str, Any]]
    frame: pd.DataFrame
    seconds: float

    @classmethod
    def of(cls, folder: RunFolder, seconds: float = float("nan")) -> RunScores:
        """Read them from a run's folder.

        Raises:
            FinetuneError: There is no evaluation, or a file is damaged.
        """
        import pandas as pd

        records = {record["epoch"]: record for record in folder.records() if record["kind"] == "evaluation"}
        epochs = [epoch for epoch in folder.evaluated_epochs() if epoch in records]
        if not epochs:
            raise FinetuneError(f"{folder.path} holds no evaluation yet: run it further with `tia2 finetune resume`.")
        frames = [folder.evaluation(epoch, images=False).assign(epoch=epoch) for epoch in epochs]
        return cls(folder.facts(), {epoch: records[epoch] for epoch in epochs}, pd.concat(frames), seconds)

    def curves(self) -> RunCurves:
        """Return them as curves."""
        frames = {
            epoch: self.frame[self.frame["epoch"] == epoch].reset_index(drop=True) for epoch in sorted(self.evaluations)
        }
        return RunCurves.from_frames(self.facts["judges"], self.evaluations, frames)

    def settings(self) -> RunSettings:
        """Return the run's settings."""
        return checked(self.facts["settings"], "the study's run")

    def save(self, path: Path) -> Path:
        """Write them as one Parquet file, whole or not at all.

        Raises:
            FinetuneError: The file can't be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        about = {
            "format": FORMAT,
            "facts": dict(self.facts),
            "evaluations": list(self.evaluations.values()),
            "seconds": None if self.seconds != self.seconds else self.seconds,
        }
        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        table = table.replace_schema_metadata({_METADATA: json.dumps(about, ensure_ascii=False).encode()})
        with replacing(path, FinetuneError) as unfinished:
            pq.write_table(table, unfinished, compression="zstd")
        return path

    @classmethod
    def load(cls, path: Path) -> RunScores:
        """Read what `save` wrote.

        Raises:
            FinetuneError: There is no such file, or it is no run's scores.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            about = json.loads((table.schema.metadata or {})[_METADATA])
            evaluations = {int(record["epoch"]): record for record in about["evaluations"]}
            seconds = float("nan") if about["seconds"] is None else float(about["seconds"])
            return cls(about["facts"], evaluations, table.to_pandas(), seconds)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise FinetuneError(
                f"{path} is no file of a run's scores ({' '.join(str(error).split())[:120]})."
            ) from None
