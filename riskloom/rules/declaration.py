"""What the YAML of a rule, a scenario and the lists of a domain says."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from riskloom.catalog.declaration import Slug

Severity = Literal["low", "medium", "high", "critical"]
Points = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Threshold = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


#: How much of recent decisions a rule or scenario may hit where its file says nothing else. In every declared domain
#: fewer than one subject in twenty is bad: what hits one in five hits mostly honest ones, because of a slip in a
#: condition, a feature that broke, or a world that changed. A rule that is meant for the many says so in its file.
MAX_SHARE = 0.2


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OutcomeEffect(_Section):
    """What a rule that hits does to the outcome: it must be this one, or must not."""

    force: Slug | None = None
    forbid: Slug | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.force is None) == (self.forbid is None):
            raise ValueError("either force or forbid, with an outcome")
        return self


class ListMember(_Section):
    """A member of a list in an example; plain text stands for one that never expires."""

    member: str
    added_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None


class Example(_Section):
    """A row on which the rule hits, or does not; what is left out is missing."""

    name: str = Field(min_length=3, description="What it shows.")
    event: dict[str, Any] = Field(default_factory=dict)
    features: dict[str, float | None] = Field(default_factory=dict)
    score: float | None = None
    lists: dict[str, tuple[str | ListMember, ...]] = Field(default_factory=dict)
    at: AwareDatetime | None = Field(default=None, description="Of the decision; the event's newest time by default.")


class Examples(_Section):
    """Rows that the rule must hit, and rows that it must not."""

    positive: tuple[Example, ...] = Field(min_length=1)
    negative: tuple[Example, ...] = Field(min_length=1)


class _Described(_Section):
    id: Slug
    title: str = Field(min_length=5, max_length=120)
    description: str = Field(min_length=20)
    owner: str = Field(min_length=2)
    max_share: Share = Field(
        default=MAX_SHARE, description="Of recent decisions; what hits more has no effect until somebody has looked."
    )


class RuleDeclaration(_Described):
    """A rule as its file says it."""

    severity: Severity
    abuse_vector: Slug | None = Field(
        default=None,
        description="The kind of abuse it is about, such as card_testing; a rule that forbids an outcome may be about "
        "none, and protect honest subjects.",
    )
    when: str = Field(min_length=1)
    outcome: OutcomeEffect | None = None
    score: Points | None = Field(default=None, description="Points it contributes to scenarios.")
    false_positives: tuple[str, ...] = Field(min_length=1, description="Who is hit though nothing is wrong.")
    references: tuple[str, ...] = ()
    examples: Examples

    @model_validator(mode="after")
    def _has_one_effect(self) -> Self:
        if (self.outcome is None) == (self.score is None):
            raise ValueError("exactly one effect: outcome (force or forbid) or score")
        if self.score == 0:
            raise ValueError("a score that is not 0: it would change nothing")
        return self

    @model_validator(mode="after")
    def _says_what_it_is_against(self) -> Self:
        is_protection = self.outcome is not None and self.outcome.forbid is not None
        if self.abuse_vector is None and not is_protection:
            raise ValueError("an abuse_vector, as it does more than forbid an outcome")
        return self


class AlertLevel(_Section):
    """From how many points on somebody has to look, and what happens meanwhile where it cannot wait."""

    points: Threshold = Field(alias="from")
    force: Slug | None = None


class InterdictionLevel(_Section):
    """From how many points on a scenario forces which outcome."""

    points: Threshold = Field(alias="from")
    force: Slug


class ScenarioDeclaration(_Described):
    """A scenario as its file says it: rules that together make a typology."""

    abuse_vector: Slug = Field(description="The typology it is about, such as account_takeover.")
    rules: dict[Slug, Annotated[float, Field(gt=0, le=100)]] = Field(
        min_length=2, description="Rules with a score, to the weight it is multiplied by."
    )
    alert: AlertLevel
    interdiction: InterdictionLevel

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.interdiction.points <= self.alert.points:
            raise ValueError("interdiction from more points than alert")
        return self


def newest_time(event: dict[str, Any]) -> datetime | None:
    """The newest of an example's times; None where it has none."""
    times = [value for value in event.values() if isinstance(value, datetime)]
    return max(times, default=None)
