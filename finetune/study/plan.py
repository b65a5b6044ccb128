"""What a study runs: conditions, each a preset with some settings replaced, over the same seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, ValidationError, model_validator

from tia2.errors import FinetuneError, unknown_name
from tia2.files import explain

from ..settings.model import Count, Section
from ..settings.named_files import names_in, read_named
from ..settings.run import RunSettings, load_settings

PLANS = Path(__file__).with_name("plans")


class Condition(Section):
    """One way to fine-tune."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=60)]
    """Name in files and tables."""
    title: str
    """Name in tables."""
    group: str
    """Panel of the figures that it is compared in."""
    series: str
    """Name in the legend of the figures; conditions of one name share a colour in all panels."""
    preset: str
    """The preset that it starts from."""
    overrides: tuple[str, ...] = ()
    """Settings that are replaced, such as "reward.proxy=mini-vivid"."""
    best_of_n: bool = True
    """Whether its entry also chooses among the base model's images."""
    round: Count = 1
    """Conditions of the first round run under every seed before those of the second begin."""


class StudyPlan(Section):
    """All runs of a study."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=60)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    overrides: tuple[str, ...] = ()
    """Settings that are replaced in every run."""
    pool_per_prompt: Count
    """Images of the base model per training prompt that best-of-n chooses among, under every seed."""
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> StudyPlan:
        names = [condition.name for condition in self.conditions]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several conditions are named {', '.join(repeated)}")
        return self

    def condition(self, name: str) -> Condition:
        """Return a condition by its name.

        Raises:
            UnknownNameError: There is none.
        """
        for condition in self.conditions:
            if condition.name == name:
                return condition
        raise unknown_name("condition", name, [condition.name for condition in self.conditions])

    def runs(self) -> Iterator[StudyRun]:
        """Yield the runs in the order in which they are done: by round, then by seed, then as listed."""
        for number in sorted({condition.round for condition in self.conditions}):
            for seed in self.seeds:
                for condition in self.conditions:
                    if condition.round == number:
                        yield StudyRun(condition, seed)

    def settings(self, run: StudyRun) -> RunSettings:
        """Return the settings of a run.

        Raises:
            Tia2Error: Its preset or a replaced setting doesn't exist.
        """
        condition = run.condition
        overrides = [*self.overrides, *condition.overrides, f"seed={run.seed}", f"name={run.name}"]
        return load_settings(condition.preset, overrides)


class StudyRun(NamedTuple):
    """A condition under a seed."""

    condition: Condition
    seed: int

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.condition.name}-seed{self.seed}"


def plans() -> list[str]:
    """Return the names of the plans that come with tia2."""
    return names_in(PLANS)


def load_plan(source: str) -> StudyPlan:
    """Read a plan that comes with tia2, or a YAML file, and check every run's settings.

    Args:
        source: Name of a plan, or the path of a YAML file.

    Raises:
        UnknownNameError: There is no such plan.
        FinetuneError: The file can't be read, or a field is unknown or doesn't fit; the text names it.

    Example:
        >>> plan = load_plan("miniature")
        >>> plan.seeds, [run.name for run in plan.runs()][0]
        ((0, 1, 2), 'countblind-raw-seed0')
    """
    content = read_named(source, PLANS, "plan", "plan")
    try:
        plan = StudyPlan.model_validate(content)
    except ValidationError as error:
        raise FinetuneError(f"{source}: {explain(error, 'the plan')}.") from None
    for condition in plan.conditions:
        plan.settings(StudyRun(condition, plan.seeds[0]))
    return plan
