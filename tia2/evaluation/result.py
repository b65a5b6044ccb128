"""What an evaluation found, as a file that explains itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.errors import ResultError
from tia2.files import explain, json_of, write_atomically

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
_SHOWN = 3
"""Metrics that a result's repr shows with their numbers."""
_MOST_SUBSETS = 20


def _figure(value: Any) -> Any:
    # The one NaN of `math`: Python calls two others unequal, and a result should equal its copy.
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    if isinstance(value, float) and math.isinf(value):
        raise ValueError("a figure can't be infinite")
    return value


def _text(mean: float, low: float, high: float, sign: str = "") -> str:
    """Return a figure with its interval as text, for example "0.816 (0.781 to 0.849)"."""
    if math.isnan(mean):
        return "–"
    return f"{mean:{sign}.3f}" + ("" if math.isnan(low) else f" ({low:{sign}.3f} to {high:{sign}.3f})")


Figure = Annotated[float, BeforeValidator(_figure)]
"""A number, NaN where undefined; null in the file."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    since_0_2: ClassVar[tuple[str, ...]] = ()
    """Fields that version 0.1 doesn't know: not written where they say what their absence says."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        for name in self.since_0_2:
            if name in content and getattr(self, name) == type(self).model_fields[name].default:
                del content[name]
        return content


class Estimate(_Record):
    """One metric on one subset."""

    since_0_2 = ("prompts",)

    mean: Figure
    """Mean over the prompts that the metric uses."""
    low: Figure
    """Lower end of the interval of the mean; NaN with fewer than two prompts."""
    high: Figure
    """Upper end."""
    pooled: Figure
    """The same metric over all items of the subset at once: can rewards of different prompts be compared?"""
    pooled_low: Figure = math.nan
    """Lower end of the interval of the pooled figure, over prompts; of AUROC only, else NaN."""
    pooled_high: Figure = math.nan
    """Upper end."""
    prompts: int | None = None
    """Number of prompts that the mean is over; None without any, and before 0.2: then `prompts_used` of the subset."""

    def __str__(self) -> str:
        return _text(self.mean, self.low, self.high)


class SubsetResult(_Record):
    """The figures of one subset, or of all (then counts are sums, and figures the means of the subsets')."""

    prompts: int
    prompts_used: int
    """Prompts whose labels differ; the others are in no mean but those of metrics that need no label."""
    prompts_constant: int
    """Of those used, how many got one and the same value for all their items; their rank correlations count as 0."""
    items: int
    items_scored: int
    """Items with a value."""
    tied: int | None
    """Items that share their value with another item of their prompt; None where only figures are known."""
    distinct: int | None
    """Distinct values within each prompt, summed over prompts; equals `items_scored` when none is tied."""
    metrics: dict[str, Estimate]


class Agreement(_Record):
    """Krippendorff's alpha of votes or ratings: 1 is full agreement, 0 what chance gives."""

    alpha: Figure
    low: Figure
    """Lower end of the interval, over prompts."""
    high: Figure


class People(_Record):
    """How well people agree with each other on one subset, or on all (then the means of the subsets')."""

    since_0_2 = ("ordinal",)

    agreement: Agreement
    """Of votes and ratings as numbers: the interval level of measurement."""
    ordinal: Agreement | None = None
    """Of ratings by their ranks alone: the ordinal level of measurement. None for votes."""
    annotator: dict[str, Estimate]
    """One annotator's vote or rating as the value, judged against the others on the item; by metric."""
    ceiling: dict[str, Estimate]
    """What a scorer that knows each image's true vote probability, or true rating, would reach against the votes or
    ratings that there are; by metric."""


class PromptResult(_Record):
    """The figures of one prompt."""

    subset: str
    prompt_id: str
    prompt: str
    items: int
    aligned: float
    """Share of its items that people call aligned, from 0 to 1."""
    tied: int | None
    distinct: int | None
    metrics: dict[str, Figure]
    """NaN where a metric doesn't use the prompt. As they enter the mean: a rank correlation with values that
    are all equal is 0."""


class RewardInfo(_Record):
    """Which reward model gave the rewards."""

    name: str
    spec: str
    fingerprint: str


class Entry(_Record):
    """Which values were evaluated: reward models, and what was made of their rewards."""

    name: str
    rewards: list[RewardInfo]
    calibration: str
    settings: dict[str, JsonValue]
    upper_bound: bool = False
    """Whether the settings were chosen on the very labels that the values are judged by. Such figures are no result."""


class BenchmarkInfo(_Record):
    """What the values were compared with. Two results can be compared when fingerprints and images agree."""

    since_0_2 = ("scores_fingerprint", "scale")

    name: str
    fingerprint: str
    votes_fingerprint: str
    scores_fingerprint: str | None = None
    """SHA-256 over ids and human scores; None in files of before 0.2, whose `votes_fingerprint` it was."""
    items: int
    items_skipped: int = 0
    """Items without a reward, because their images could not be read; where there are some, the result is partial."""
    images_fingerprint: str | None
    """SHA-256 over the images that were scored; None where the rewards were computed elsewhere."""
    scale: RatingScale | None = None
    """Scale of the ratings, with the rule by which an item is aligned; None where people gave votes."""


def on_other_images(first: BenchmarkInfo, other: BenchmarkInfo) -> bool:
    """Return whether two results are known to be on different images; where images were skipped, nothing is known.

    Args:
        first: Benchmark of a result.
        other: Benchmark of another one.
    """
    digests = (first.images_fingerprint, other.images_fingerprint)
    return None not in digests and digests[0] != digests[1] and not first.items_skipped and not other.items_skipped


class Result(_Record):
    """How well one entry agrees with people on one benchmark, with intervals, and every prompt's own figures.

    Example:
        >>> from tia2.evaluation import Result
        >>> result = Result.load("runs/quickstart/results/mini-strong.json")  # doctest: +SKIP
        >>> result.overall.metrics["auroc"].mean  # doctest: +SKIP
        0.81
    """

    since_0_2 = ("prompts_by",)

    schema_version: Literal[1] = 1
    tia2_version: str
    entry: Entry
    benchmark: BenchmarkInfo
    seed: int
    resamples: int
    confidence: float
    prompts_by: Literal["metric", "label", "defined"] = "label"
    """"metric": each metric leaves out the prompts that it can't be computed on. "label": all leave out those whose
    labels are all equal, as the released figures do, and as version 0.1 did. "defined": prompts whose values are all
    equal are in no figure at all."""
    subsets: dict[str, SubsetResult]
    overall: SubsetResult
    people: dict[str, People] | None = None
    """By subset, and `overall` where there are several; None without two votes per item, or items rated twice."""
    prompts: list[PromptResult]

    def __repr__(self) -> str:
        parts = {**self.subsets, **({"overall": self.overall} if len(self.subsets) > 1 else {})}
        names = list(dict.fromkeys(name for part in parts.values() for name in part.metrics))
        shown = names[:_SHOWN]
        more = [f"  and {', '.join(names[_SHOWN:])}"] if len(names) > len(shown) else []
        bound = ", upper bound" if self.entry.upper_bound else ""
        width = max(map(len, parts), default=0)
        lines = [
            f"  {subset:{width}}  {part.prompts_used:>5,} prompts  "
            + "  ".join(f"{name} {part.metrics[name]}" for name in shown if name in part.metrics)
            for subset, part in list(parts.items())[-_MOST_SUBSETS:]
        ]
        return "\n".join([f"Result({self.entry.name!r} on {self.benchmark.name!r}{bound})", *lines, *more])

    def _repr_html_(self) -> str:
        from html import escape

        parts = {**self.subsets, **({"overall": self.overall} if len(self.subsets) > 1 else {})}
        names = list(dict.fromkeys(name for part in parts.values() for name in part.metrics))
        head = "".join(f"<th>{escape(name)}</th>" for name in ("", "prompts", *names))
        rows = "".join(
            f"<tr><th>{escape(subset)}</th><td>{part.prompts_used:,}</td>"
            + "".join(f"<td>{part.metrics.get(name, '–')}</td>" for name in names)
            + "</tr>"
            for subset, part in parts.items()
        )
        bound = ", upper bound" if self.entry.upper_bound else ""
        title = escape(f"{self.entry.name} on {self.benchmark.name}{bound}")
        return f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    @property
    def per_prompt(self) -> pd.DataFrame:
        """One row per prompt: subset, prompt_id, prompt, items, aligned, tied, distinct, and one column per metric."""
        import pandas as pd

        rows = [{**prompt.model_dump(exclude={"metrics"}), **prompt.metrics} for prompt in self.prompts]
        frame: pd.DataFrame = pd.DataFrame(rows)
        return frame

    def save(self, path: str | Path) -> Path:
        """Write the result as JSON, NaN as null; the file is whole or absent at any time.

        Args:
            path: The file to write; folders are made as needed.

        Returns:
            The path.

        Raises:
            FileError: The disk is full, or the folder can't be written to.
        """
        path = Path(path)
        write_atomically(path, (self.model_dump_json(indent=1) + "\n").encode())
        return path

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read what `save` wrote, in this version or an earlier one.

        Args:
            path: The JSON file.

        Returns:
            The result.

        Raises:
            ResultError: If there is no such file, or it isn't a result that this version knows.
        """
        path = Path(path)
        try:
            content = json_of(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ResultError(f"Can't read a result from {path}: {error.strerror or error}.") from error
        except ValueError as error:
            raise ResultError(f"{path} is not a result: it isn't JSON ({error}).") from error
        if not isinstance(content, Mapping) or "schema_version" not in content:
            raise ResultError(f"{path} is not a result: `schema_version` is missing. Result.save writes such files.")
        if content["schema_version"] != SCHEMA_VERSION:
            raise ResultError(
                f"{path} has schema version {content['schema_version']!r}, this tia2 reads {SCHEMA_VERSION}; "
                "upgrade tia2 to read newer results."
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ResultError(f"{path} is not a valid result: {explain(error)}.") from error
