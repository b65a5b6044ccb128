"""What a leaderboard's store says of its benchmarks, models and entries: pydantic models, one JSON file each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tia2.calibration.member_tables import Scaling
from tia2.calibration.method import Choice
from tia2.calibration.settings import Ensemble

if TYPE_CHECKING:
    from tia2.calibration.method import TextNorm

SCHEMA_VERSION = 1
UNKNOWN = "unknown"

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Record(BaseModel):
    """Base of all of them: unknown fields are refused, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CalibrationSpec(Record):
    """What is made of a model's rewards: nothing, TextNorm, or an ensemble of TextNorm values.

    Example:
        >>> CalibrationSpec(kind="textnorm", setting="cv").slug
        'textnorm-cv'
        >>> CalibrationSpec(kind="textnorm", setting="cv").chips
        ('TextNorm', 'cv')
    """

    kind: Literal["raw", "textnorm"] = "raw"
    scaling: Scaling = "temperature"
    ensemble: Ensemble | None = None
    setting: Choice = "fixed"
    temperature: Positive | None = None
    """Instead of the one that each member's card documents."""
    scale: Positive | None = None
    penalty: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> CalibrationSpec:
        if self.kind == "raw":
            if self != CalibrationSpec.model_construct():
                raise ValueError("raw rewards take no settings")
        else:
            self.textnorm()
        return self

    @property
    def slug(self) -> str:
        """Part of an entry's id, empty for raw rewards; different settings have different ones."""
        if self.kind == "raw":
            return ""
        numbers = {"t": self.temperature, "c": self.scale, "p": self.penalty}
        return "-".join(
            [
                *([self.ensemble] if self.ensemble else []),
                "minmax" if self.scaling == "minmax" else "textnorm",
                *([self.setting] if self.setting != "fixed" else []),
                *(f"{name}{value:g}" for name, value in numbers.items() if value is not None),
            ]
        )

    @property
    def chips(self) -> tuple[str, ...]:
        """What a table says of the entry in a word or two each."""
        if self.kind == "raw":
            return ("raw",)
        return (
            "TextNorm",
            *(["min-max"] if self.scaling == "minmax" else []),
            *(["ensemble"] if self.ensemble else []),
            *([self.setting] if self.setting != "fixed" else []),
        )

    def textnorm(self) -> TextNorm:
        """Return it as a calibration.

        Raises:
            ResultError: The settings don't fit together.
        """
        from tia2.calibration.method import TextNorm

        return TextNorm(
            scaling=self.scaling,
            ensemble=self.ensemble,
            setting=self.setting,
            temperature=self.temperature,
            scale=self.scale,
            penalty=self.penalty,
        )

    def entry_name(self, model: str) -> str:
        """Return what tables call the entry.

        Example:
            >>> CalibrationSpec(kind="textnorm", setting="oracle").entry_name("mine")
            'mine + TextNorm (oracle, upper bound)'
        """
        if self.kind == "raw":
            return model
        if self.ensemble is None:
            return self.textnorm().name_of([model])
        _, _, mark = self.textnorm().name_of([model]).partition(" + TextNorm")
        return f"{model}, {'mean' if self.ensemble == 'mean' else 'UR'}{mark}"


class Cost(Record):
    """What scoring takes, as declared."""

    items_per_second: Positive | None = None
    device: Annotated[str, Field(max_length=80)] | None = None
    """On which the items were counted."""
    macs: Positive | None = None
    """Multiply-accumulate operations an image and text."""


class ModelCard(Record):
    """What the people behind a model declare. All of it is text to be shown as it is."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    description: Annotated[str, Field(max_length=2000)] = ""
    licence: Annotated[str, Field(min_length=1, max_length=100)] = UNKNOWN
    contact: Annotated[str, Field(max_length=300)] = ""
    """An https address."""
    training_data: Annotated[str, Field(min_length=1, max_length=1000)] = UNKNOWN
    """What the model saw in training; "unknown" is shown as such."""
    paper: Annotated[str, Field(max_length=300)] = ""
    """An https address."""
    cite: Annotated[str, Field(max_length=3000)] = ""
    """BibTeX."""
    cost: Cost | None = None


class Listing(Record):
    """One model on the board: its card, the score tables behind it, and the entries made of them.

    One file, so that a model and its entries appear at once or not at all.
    """

    schema_version: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
    benchmark: str
    """Name of the benchmark that it is measured on, in whole or in part."""
    card: ModelCard
    tables: Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], Field(min_length=1, max_length=16)]
    """Digests of the score tables; several make an ensemble."""
    calibrations: Annotated[list[CalibrationSpec], Field(min_length=1, max_length=16)]
    added: str
    """When, UTC."""
    added_by: str = ""

    def entry_id(self, calibration: CalibrationSpec) -> str:
        """Return the id of one of its entries, fit for an address.

        Example:
            >>> listing.entry_id(CalibrationSpec(kind="textnorm"))  # doctest: +SKIP
            'mini-strong~textnorm'
        """
        return f"{self.id}~{calibration.slug}" if calibration.slug else self.id


class BenchmarkRecord(Record):
    """A benchmark that models on the board are measured on."""

    schema_version: Literal[1] = 1
    name: str
    title: str
    fingerprint: str
    votes_fingerprint: str
    items: int
    images: str | None = None
    """Where images are: a config, folder or Parquet file that `tia2.benchmark.load` takes; None without."""
    description: str = ""
    simulated: bool = False
    """Whether its votes are simulated, which every page then says."""


def spec_of(calibration: Any) -> CalibrationSpec:
    """Return how a calibration is written down.

    Args:
        calibration: None for raw rewards, or a `TextNorm`.
    """
    if calibration is None:
        return CalibrationSpec()
    fields = ("scaling", "ensemble", "setting", "temperature", "scale", "penalty")
    return CalibrationSpec(kind="textnorm", **{name: getattr(calibration, name) for name in fields})


def default_calibrations(members: int, contrastive: bool, temperature: bool) -> Sequence[CalibrationSpec]:
    """Return the entries that are made of a model's score tables when nobody says which.

    Args:
        members: How many tables there are.
        contrastive: Whether they hold contrastive prompts.
        temperature: Whether every card documents a temperature.
    """
    scaling: Scaling = "temperature" if temperature else "minmax"
    if members > 1:
        return [CalibrationSpec(kind="textnorm", ensemble=ensemble, scaling=scaling) for ensemble in ("mean", "ur")]
    textnorm = [
        CalibrationSpec(kind="textnorm", scaling=scaling, setting=setting) for setting in ("fixed", "cv", "oracle")
    ]
    return [CalibrationSpec(), *(textnorm if contrastive else [])]
