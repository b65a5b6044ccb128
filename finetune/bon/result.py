"""Best-of-n curves as a file that explains itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from tia2.errors import ResultError
from tia2.evaluation.result import BenchmarkInfo, Entry
from tia2.evaluation.summary import OVERALL
from tia2.files import explain, json_of, write_atomically

from .records import BestOfNPrompt, BestOfNSubset, MeanCurve, Part
from .words import below_chance, summary, verdict

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1


class BestOfNResult(Part):
    """What best-of-n sampling by one entry gains on one benchmark, and where it over-optimises.

    Attributes:
        entry: Reward models that choose, and their calibration.
        benchmark: Benchmark of the images to choose from.
        gold: Column of the trusted judgements, or "custom".
        gold_fingerprint: SHA-256 over the judgements, in the order of the items.
        n: Numbers of images to choose from, ascending, beginning with 1.
        kl: log n − (n − 1) / n for each n, in nats: exact without ties in the proxy, else an upper bound.
        limit: Largest n that peaks, drops, fits and the gains of prompts look at.
        subsets: Curves by subset.
        overall: Means of the subsets' curves.
        prompts: Curves of each prompt.
        prompts_left_out: Prompts with fewer items than the largest n, which are in no curve.

    Example:
        >>> import tia2.finetune
        >>> result = tia2.finetune.best_of_n_curves("runs/quickstart/scores/mini-vivid")  # doctest: +SKIP
        >>> print(result.overall.peak.drop)  # doctest: +SKIP
        0.000 (0.000 to 0.000)
    """

    schema_version: Literal[1] = 1
    tia2_version: str
    entry: Entry
    benchmark: BenchmarkInfo
    gold: str
    gold_fingerprint: str
    seed: int
    resamples: int
    confidence: float
    n: list[int]
    kl: list[float]
    limit: int
    subsets: dict[str, BestOfNSubset]
    overall: BestOfNSubset
    prompts: list[BestOfNPrompt]
    prompts_left_out: list[str]

    def __repr__(self) -> str:
        title = f"Best of n by {self.entry.name!r} on {self.benchmark.name!r}, gold: {self.gold}"
        return f"{title}\n{summary(self.parts, self.n, self.limit)}"

    __str__ = __repr__

    @property
    def parts(self) -> dict[str, BestOfNSubset]:
        """The subsets, and `overall` where there are several."""
        return {**self.subsets, **({OVERALL: self.overall} if len(self.subsets) > 1 else {})}

    @property
    def findings(self) -> list[str]:
        """Sentences on what the curves show, the most important first."""
        sentences = [verdict(self.entry.name, self.overall, self.n, self.limit)]
        peaked = [name for name, part in self.subsets.items() if part.peak is not None and part.peak.inside]
        if peaked and len(self.subsets) > 1:
            sentences.append(f"Subsets with a peak within n ≤ {self.limit}: {', '.join(peaked)}.")
        return sentences + below_chance(self.prompts, self.limit)

    @property
    def curves(self) -> pd.DataFrame:
        """One row per subset and n: subset, n, kl, and mean, low and high end of each curve; residuals of the fits."""
        import pandas as pd

        rows = []
        for subset, part in self.parts.items():
            for number, n in enumerate(self.n):
                row: dict[str, Any] = {"subset": subset, "n": n, "kl": self.kl[number]}
                row["kl_with_ties"] = part.kl_with_ties[number]
                for name in ("gold", "gain", "proxy", "proxy_gain", "oracle"):
                    curve: MeanCurve = getattr(part, name)
                    row |= {name: curve.mean[number], f"{name}_low": curve.low[number]}
                    row[f"{name}_high"] = curve.high[number]
                for name, fit in (("residual", part.fit), ("proxy_residual", part.proxy_fit)):
                    within = fit is not None and number < len(fit.residuals)
                    row[name] = fit.residuals[number] if fit is not None and within else math.nan
                rows.append(row)
        frame: pd.DataFrame = pd.DataFrame(rows)
        return frame

    @property
    def per_prompt(self) -> pd.DataFrame:
        """One row per prompt, the one whose gold falls most by the limit first.

        Columns: subset, prompt_id, prompt, items, distinct, gain, error, and gold@n, proxy@n and oracle@n for each n.
        """
        import pandas as pd

        columns = ("gold", "proxy", "oracle")
        rows = [
            {
                **prompt.model_dump(exclude=set(columns)),
                **{
                    f"{name}@{n}": value
                    for name in columns
                    for n, value in zip(self.n, getattr(prompt, name), strict=True)
                },
            }
            for prompt in self.prompts
        ]
        frame: pd.DataFrame = pd.DataFrame(rows).sort_values("gain", kind="stable", ignore_index=True)
        return frame

    def save(self, path: str | Path) -> Path:
        """Write the result as JSON, NaN as null; the file is whole or absent at any time.

        Args:
            path: File to write. Its folder is made as needed.

        Returns:
            The path.

        Raises:
            FileError: The disk is full, or the folder can't be written to.
        """
        path = Path(path)
        write_atomically(path, (self.model_dump_json(indent=1) + "\n").encode())
        return path

    @classmethod
    def load(cls, path: str | Path) -> BestOfNResult:
        """Read what `save` wrote.

        Args:
            path: The JSON file.

        Returns:
            The result.

        Raises:
            ResultError: There is no such file, or it holds no curves that this version knows.
        """
        path = Path(path)
        try:
            content = json_of(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ResultError(f"Can't read best-of-n curves from {path}: {error.strerror or error}.") from error
        except ValueError as error:
            raise ResultError(f"{path} holds no best-of-n curves: it isn't JSON ({error}).") from error
        if not isinstance(content, Mapping) or not {"schema_version", "kl"} <= set(content):
            raise ResultError(f"{path} holds no best-of-n curves. BestOfNResult.save writes such files.")
        if content["schema_version"] != SCHEMA_VERSION:
            raise ResultError(
                f"{path} has schema version {content['schema_version']!r}, this tia2 reads {SCHEMA_VERSION}; "
                "upgrade tia2 to read newer curves."
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ResultError(f"{path} holds no valid best-of-n curves: {explain(error)}.") from error
