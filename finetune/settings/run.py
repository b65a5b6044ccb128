"""All that a run is told, in one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from tia2.errors import FinetuneError, UnknownNameError, unknown_name
from tia2.files import explain

from .ddpo import DdpoSettings
from .model import Count, ModelSettings, Positive, SamplerSettings, Section
from .named_files import names_in, read_named
from .prompts import PromptSettings
from .rewards import RewardSettings
from .weighted import WeightedSettings

PRESETS = Path(__file__).with_name("presets")


class OptimiserSettings(Section):
    """AdamW, its learning rate, and what is done to gradients and weights."""

    lr: Positive = 3e-4
    """Learning rate after the warm-up; constant from then on."""
    warmup: Annotated[int, Field(ge=0)] = 0
    """Updates over which the learning rate rises linearly."""
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    eps: Positive = 1e-8
    max_grad_norm: Positive = 1.0
    """Largest norm of an update's gradient."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of a moving average of the weights, which evaluations then use; 0 for none."""


class EvaluationSettings(Section):
    """Images at fixed seeds, sampled along the run in always the same way."""

    every: Count = 5
    """Epochs between evaluations; the first is before training, the last after it."""
    images_per_prompt: Count = 8
    seed: Annotated[int, Field(ge=0)] = 1_000_000
    """Seed of the evaluation's noise, which no training sample shares."""
    sampler: SamplerSettings | None = None
    """The one sampler of all evaluations; that of training by default."""
    kl_images: Annotated[int, Field(ge=0)] = 32
    """Trajectories that the KL divergence to the base model is measured on; 0 measures none."""


class StopSettings(Section):
    """When to end before the last epoch."""

    kl_nats: Positive | None = None
    """Path KL without the two last steps, in nats, at which the run ends."""
    held_out_drop: Annotated[float, Field(gt=0)] | None = None
    """Fall of the gold judge on the training prompts' validation seeds from its best so far, at which the run ends."""


class RunSettings(Section):
    """Settings of one fine-tuning run."""

    name: Annotated[str, Field(min_length=1, max_length=60)] = "run"
    method: Literal["ddpo", "weighted"] = "ddpo"
    """"ddpo", or "weighted" for the methods without trajectories: sft, rwr, the authors' variant, nft."""
    seed: Annotated[int, Field(ge=0)] = 0
    model: ModelSettings = ModelSettings()
    prompts: PromptSettings
    reward: RewardSettings
    sampler: SamplerSettings = SamplerSettings()
    """How training images are sampled."""
    optimiser: OptimiserSettings = OptimiserSettings()
    ddpo: DdpoSettings | None = None
    weighted: WeightedSettings | None = None
    evaluation: EvaluationSettings = EvaluationSettings()
    stop: StopSettings = StopSettings()
    save_every: Count = 1
    """Epochs between checkpoints."""
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """Where to show figures while the run goes, beside the files that it keeps."""

    @model_validator(mode="after")
    def _method_has_settings(self) -> RunSettings:
        if getattr(self, self.method) is None:
            raise ValueError(f"method {self.method} needs the section {self.method}")
        other = "weighted" if self.method == "ddpo" else "ddpo"
        if getattr(self, other) is not None:
            raise ValueError(f"method {self.method} takes no section {other}")
        if self.method == "ddpo" and self.sampler.eta == 0:
            raise ValueError("ddpo needs noise in every step: set sampler.eta above 0")
        count = self.ddpo.steps.count if self.ddpo else None
        if count is not None and count > self.sampler.steps:
            raise ValueError(f"ddpo.steps.count ({count}) is more than sampler.steps ({self.sampler.steps})")
        return self

    @property
    def evaluation_sampler(self) -> SamplerSettings:
        """The one sampler of all evaluations."""
        return self.evaluation.sampler or self.sampler


def presets() -> list[str]:
    """Return the names of the presets that come with tia2."""
    return names_in(PRESETS)


def load_settings(source: str, overrides: Sequence[str] = ()) -> RunSettings:
    """Read settings from a preset or a YAML file, with fields replaced.

    Args:
        source: The name of a preset, or the path of a YAML file.
        overrides: Replacements such as "optimiser.lr=1e-4"; the value is read as YAML.

    Raises:
        UnknownNameError: There is no such preset.
        FinetuneError: The file can't be read, or a field is unknown or doesn't fit; the text names it.

    Example:
        >>> load_settings("mini-ddpo", ["ddpo.epochs=2"]).ddpo.epochs
        2
    """
    content = read_named(source, PRESETS, "preset", "settings")
    for override in overrides:
        replaced(content, override)
    return checked(content, source)


def checked(content: Mapping[str, Any], source: str) -> RunSettings:
    """Return settings from plain data.

    Args:
        content: The fields.
        source: Name of the settings in an error message.

    Raises:
        FinetuneError: A field is unknown or doesn't fit; the text names it.
    """
    try:
        return RunSettings.model_validate(content)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            if problem["type"] == "extra_forbidden":
                raise FinetuneError(f"{source}: {_unknown(problem['loc'])}") from None
        raise FinetuneError(f"{source}: {explain(error, 'the settings')}.") from None


def _unknown(location: Sequence[str | int]) -> UnknownNameError:
    """Return the error for a field that isn't there, with those that are."""
    section: type[BaseModel] = RunSettings
    *parents, field = map(str, location)
    path: list[str] = []
    for parent in parents:
        # Beside names of fields, pydantic's location holds positions in lists and the members of unions.
        if parent in section.model_fields:
            section = next(_sections(section.model_fields[parent].annotation), section)
            path.append(parent)
        elif parent.isdigit():
            path.append(parent)
    names = [".".join([*path, name]) for name in section.model_fields]
    return unknown_name("setting", ".".join([*path, field]), names)


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """Return the sections that a field's type names, through lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def replaced(content: dict[str, Any], override: str) -> None:
    """Replace a field of plain data in place.

    Args:
        content: The fields.
        override: The field and its value, such as "optimiser.lr=1e-4"; the value is read as YAML.

    Raises:
        FinetuneError: It isn't of that form.
    """
    field, equals, text = override.partition("=")
    if not equals or not field.strip():
        raise FinetuneError(f"--set takes FIELD=VALUE, such as optimiser.lr=1e-4, got {override!r}.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FinetuneError(f"--set {override}: the value is no YAML: {' '.join(str(error).split())}.") from None
    if isinstance(value, str):
        # YAML 1.1 reads 1e-4 as a text, since it lacks a dot.
        with suppress(ValueError):
            value = float(value)
    *parents, last = field.strip().split(".")
    section: Any = content
    for parent in parents:
        deeper = section.get(parent)
        if deeper is None:
            deeper = section[parent] = {}
        if not isinstance(deeper, dict):
            raise FinetuneError(f"--set {override}: {parent} is not a section.")
        section = deeper
    section[last] = value
