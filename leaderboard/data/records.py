"""What a leaderboard's store says of its benchmarks, models and entries: pydantic models, one JSON file each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.calibration import Mean, MinMax, Raw, TextNorm, UncertaintyRegularised, cross_validated, oracle
from tia2.calibration.base import FIELD, Calibration
from tia2.calibration.flat_settings import Choice, Ensemble, FlatSettings, Scaling
from tia2.calibration.registry import calibration_of
from tia2.errors import LeaderboardError, MissingDependencyError, PluginError, ResultError, UnknownNameError
from tia2.evaluation.metrics import METRICS, Metric
from tia2.evaluation.metrics.pair_metrics import PAIR_METRICS
from tia2.files import explain

if TYPE_CHECKING:
    from tia2.benchmark import Benchmark
    from tia2.scoring import ScoreTable

SCHEMA_VERSION = 1
UNKNOWN = "unknown"

ADDED_TO_CARDS = ("organisation", "parameters", "code", "weights")
"""Fields of cards that version 0.1 first had without."""
_NOT_SLUG = re.compile(r"[^a-z0-9]+")

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class StrictModel(BaseModel):
    """Base of all of them: unknown fields are refused, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class UnavailableCalibration(Calibration):
    """A calibration in a store whose package isn't installed, or is broken: kept as it was written, never applied.

    Attributes:
        written: JSON text as the store has it.
        reason: Sentence that says why it can't be used.
    """

    registry_name: ClassVar[str] = "unavailable"
    title: ClassVar[str] = "not installed"
    definition: ClassVar[str] = "The package that offers this calibration isn't installed here."

    written: str
    reason: str

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        written: dict[str, Any] = json.loads(self.written)
        return written

    @property
    def slug(self) -> str:
        """The name that the store gives."""
        return f"{_NOT_SLUG.sub('-', str(json.loads(self.written)[FIELD]).lower())}-unavailable"

    def check_tables(self, tables: Sequence[ScoreTable]) -> NoReturn:  # noqa: ARG002
        """Refuse: there is no code to apply."""
        raise LeaderboardError(self.reason)


def _stored(written: Any) -> Any:
    """Return a calibration from a file, whose first version kept the settings in one flat row."""
    if isinstance(written, Mapping) and FIELD not in written:
        try:
            return _Version1.model_validate(written).calibration()
        except ValidationError as error:
            raise ResultError(explain(error, "calibration")) from None
    return calibration_of(written)


def _submitted(written: Any) -> Any:
    try:
        return _stored(written)
    except UnknownNameError as error:  # no ValueError, so pydantic would let it through
        raise ValueError(str(error)) from None


def _listed(written: Any) -> Any:
    try:
        return _stored(written)
    except (UnknownNameError, PluginError, MissingDependencyError) as error:
        # A board without one package of calibrations still shows everything else.
        return UnavailableCalibration(written=json.dumps(written, sort_keys=True), reason=str(error))


SubmittedCalibration = Annotated[SerializeAsAny[Calibration], BeforeValidator(_submitted)]
"""A calibration that must be known here."""
StoredCalibration = Annotated[SerializeAsAny[Calibration], BeforeValidator(_listed)]
"""A calibration of a store, which may have been filled where more packages are installed."""


class _Version1(StrictModel):
    """How version 0.1 wrote a calibration down. Everything is optional: `{}` is raw rewards."""

    kind: Literal["raw", "textnorm"] = "raw"
    scaling: Scaling = "temperature"
    ensemble: Ensemble | None = None
    setting: Choice = "fixed"
    temperature: Positive | None = None
    scale: Positive | None = None
    penalty: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    def calibration(self) -> Calibration:
        """Return the calibration that it stands for.

        Raises:
            ResultError: The settings don't fit together.
        """
        settings = self.model_dump(exclude={"kind"})
        if self.kind == "textnorm":
            return FlatSettings(**settings).calibration()
        if self != _Version1.model_construct():
            raise ResultError("Raw rewards take no settings.")
        return Raw()


def written_by_version_1(calibration: Calibration) -> dict[str, Any] | None:
    """Return how version 0.1 wrote a calibration down; None if it couldn't, or if it made other values of it.

    Args:
        calibration: The calibration.

    Example:
        >>> written_by_version_1(cross_validated(TextNorm()))["setting"]
        'cv'
        >>> written_by_version_1(TextNorm(factor=2)) is None
        True
    """
    if set(calibration.versions.values()) != {1}:
        return None
    fixed = calibration.fixed
    member = getattr(fixed, "of", fixed)
    settings = {
        "kind": "raw" if isinstance(fixed, Raw) else "textnorm",
        "scaling": "minmax" if isinstance(member, MinMax) else "temperature",
        "ensemble": fixed.registry_name if fixed.combines else None,
        "setting": calibration.setting,
        **{name: getattr(member, name, None) for name in ("temperature", "scale")},
        "penalty": getattr(fixed, "penalty", None),
    }
    try:
        written = _Version1.model_validate(settings)
        # Anything that the flat row has no column for, such as a factor or a seed, is lost on the way back.
        return written.model_dump() if written.calibration() == calibration else None
    except (ValidationError, ResultError):
        return None


class Cost(StrictModel):
    """What scoring takes, as declared."""

    items_per_second: Positive | None = None
    device: Annotated[str, Field(max_length=80)] | None = None
    """On which the items were counted."""
    macs: Positive | None = None
    """Multiply-accumulate operations an image and text."""


class ModelCard(StrictModel):
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
    organisation: Annotated[str, Field(max_length=100)] = ""
    """Who made it."""
    parameters: Annotated[int, Field(gt=0, le=10**14)] | None = None
    """Number of weights."""
    code: Annotated[str, Field(max_length=300)] = ""
    """An https address."""
    weights: Annotated[str, Field(max_length=300)] = ""
    """An https address."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What isn't declared is left out, so that an earlier version reads a card that declares nothing new.
        content: dict[str, Any] = handler(self)
        return {name: value for name, value in content.items() if value or name not in ADDED_TO_CARDS}


class Listing(StrictModel):
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
    calibrations: Annotated[list[StoredCalibration], Field(min_length=1, max_length=16)]
    added: str
    """When, UTC."""
    added_by: str = ""

    def entry_id(self, calibration: Calibration) -> str:
        """Return the id of one of its entries, fit for an address.

        Example:
            >>> listing.entry_id(TextNorm())  # doctest: +SKIP
            'mini-strong~textnorm'
        """
        return f"{self.id}~{calibration.slug}" if calibration.slug else self.id

    @property
    def entry_names(self) -> list[str]:
        """What tables and figures call its entries."""
        return [calibration.entry_name(self.card.name) for calibration in self.calibrations]


class BenchmarkRecord(StrictModel):
    """A benchmark that models on the board are measured on."""

    schema_version: Literal[1] = 1
    name: str
    title: str
    fingerprint: str
    votes_fingerprint: str
    scores_fingerprint: str | None = None
    """SHA-256 over ids and human scores; None in stores of before 0.2, whose `votes_fingerprint` it was."""
    items: int
    scale: RatingScale | None = None
    """Scale of the ratings, with the rule by which an item is aligned; None where people gave votes."""
    judged: Literal["items", "pairs"] = "items"
    """What people judged: single items, or which of two is better."""
    images: str | None = None
    """Where images are: a config, folder or Parquet file that `tia2.benchmark.load` takes; None without."""
    description: str = ""
    simulated: bool = False
    """Whether its votes are simulated, which every page then says."""
    items_kept: bool = True
    """Whether the store has its items; if not, published results alone can be shown."""

    @classmethod
    def of(cls, benchmark: Benchmark, title: str, **facts: Any) -> BenchmarkRecord:
        """Return the record of a benchmark.

        Args:
            benchmark: The benchmark.
            title: Title on pages.
            facts: Other fields, which the benchmark doesn't say itself.
        """
        return cls(
            name=benchmark.name,
            title=title,
            fingerprint=benchmark.fingerprint,
            votes_fingerprint=benchmark.votes_fingerprint,
            scores_fingerprint=benchmark.scores_fingerprint,
            items=len(benchmark),
            scale=benchmark.scale,
            judged="pairs" if "preferences" in benchmark.items else "items",
            **facts,
        )

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by which its entries are measured, by name."""
        return PAIR_METRICS if self.judged == "pairs" else dict(METRICS.items())

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        if self.scale is None:  # so that an earlier version reads a store of votes
            content.pop("scale", None)
        if self.judged == "items":
            content.pop("judged", None)
        return content


def default_calibrations(members: int, contrastive: bool, temperature: bool, folds: bool = True) -> list[Calibration]:
    """Return the entries that are made of a model's score tables when nobody says which.

    Args:
        members: Number of score tables.
        contrastive: Whether they hold contrastive prompts.
        temperature: Whether every card documents a temperature.
        folds: Whether there are prompts enough to choose settings by cross-validation.
    """
    textnorm: Calibration = TextNorm() if temperature else MinMax()
    if members > 1:
        return [Mean(of=textnorm), UncertaintyRegularised(of=textnorm)]
    chosen = [cross_validated(textnorm), oracle(textnorm)] if folds else []
    return [Raw(), *([textnorm, *chosen] if contrastive else [])]
