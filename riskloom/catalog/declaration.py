"""The declaration of a domain: ``domain.toml`` and the table contracts beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from riskloom.contracts import Duration, TableContract

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
Probability = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0)]
Metric = Literal["average_precision", "roc_auc", "subject_precision_at_k", "recall_at_fpr"]
Candidate = Literal["logistic_regression", "hist_gradient_boosting", "lightgbm", "detector"]
#: Candidates that learn from rows as they come, whatever their labels.
UNSUPERVISED: frozenset[str] = frozenset({"detector"})


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Subject(_Section):
    """What is scored: one row of ``event_table``, at the moment it is observed."""

    entity: Slug
    key: str
    event_table: str
    amount: str = Field(description="Column with the amount at stake, in the domain's currency.")
    group: str = Field(description="Column whose values are ranked for precision at k: a card, an account.")
    related: tuple[str, ...] = Field(
        default=(), description="Text columns by whose values groups belong together: a device, an address."
    )


class Label(_Section):
    """Where the truth comes from, and how long it takes until silence means «no»."""

    table: str
    key: str = Field(description="Column of the label table that holds the subject's key.")
    positive: str = Field(description="Boolean column; a later row for the same subject corrects an earlier one.")
    maturity: Duration


class Training(_Section):
    """How models are fitted; all of it takes part in the model's fingerprint."""

    candidates: tuple[Candidate, ...] = Field(min_length=1)
    history: Duration
    holdout: Duration
    folds: int = Field(default=2, ge=1, le=10)
    trials: int = Field(default=6, ge=1, le=500, description="Budget: settings tried for each candidate.")
    max_negatives: int = Field(default=200_000, ge=1_000, description="Negatives kept for fitting, at random.")
    seed: int = 0
    schedule: str = "@daily"
    approval: bool = Field(default=False, description="A person approves each promotion in Airflow.")


class Gate(_Section):
    """What a challenger must reach, and how much worse than the champion it may look by chance."""

    metric: Metric
    minimum: Probability
    tolerance: Probability = 0.0
    min_positives: int = Field(default=30, ge=1, description="Fewer in the holdout: no verdict, no promotion.")
    max_single_feature_auc: Probability = Field(default=0.995, description="A feature that does better leaks.")
    without_labels: bool = Field(
        default=False,
        description="As long as there are fewer positives, a candidate that needs none may serve.",
    )
    reason: str = Field(min_length=20, description="Why this metric and this minimum.")


class AmountShare(_Section):
    """A part of the amount at stake."""

    share_of_amount: Probability


class Costs(_Section):
    """What decisions cost, in the domain's currency; each outcome says which part of it falls to it."""

    false_negative: Literal["amount"] | Money = Field(description='"amount": the amount at stake is lost.')
    minute: Money = Field(description="One minute of the person who looks.")
    friction: Money = Field(description="An honest subject who is treated as the hardest outcome treats it.")
    margin: Money | AmountShare = Field(default=0.0, description="Lost with an honest subject who gives up.")


class Outcome(_Section):
    """One answer the scoring service gives, and what it does; what is not said is nothing."""

    name: Slug
    description: str = Field(min_length=10)
    prevents: Probability = Field(default=0.0, description="Share of the loss that does not happen after all.")
    minutes: Money = Field(default=0.0, description="Of a person, for each subject.")
    friction: Probability = Field(default=0.0, description="Share of the declared friction an honest subject feels.")
    drop_out: Probability = Field(default=0.0, description="Share of the honest subjects who give up.")


class Policy(_Section):
    """
    Releases: a few of those who would get the hardest outcome get a milder one, at random.

    What is stopped shows no label, so a model that learns only from what went through learns its own mistakes.
    """

    release_share: Probability = Field(default=0.0, description="Of those who would get the hardest outcome.")
    release_max_amount: Money = Field(default=0.0, description="No larger amount is released.")
    release_per_day: int = Field(default=0, ge=0, description="At most so many a day (UTC) and serving process.")
    release_to: tuple[Slug, ...] = Field(default=(), description="What they get: the mildest that is not forbidden.")


class Serving(_Section):
    """Answers where there is no probability to weigh costs by."""

    safe_outcome: Slug = Field(description="When no score can be trusted.")
    unusual_outcome: Slug = Field(
        description="What a model that learned without labels may do where its score reaches its threshold."
    )


class Monitoring(_Section):
    """What is watched and when it is an alarm."""

    window: Duration
    sample: int = Field(default=20_000, ge=500, le=1_000_000)
    max_drifted_share: Probability = 0.3
    drift_threshold: Probability = Field(default=0.1, description="Per column, on Evidently's normed distance.")


class Demo(_Section):
    """How much the demo simulates: enough for the gate, no more than a visitor waits for."""

    days: int = Field(default=90, ge=14, description="Of history.")
    events: int = Field(default=150_000, ge=1_000, description="Of the event table, on all of them.")
    drifted_days: int = Field(default=4, ge=0, description="At the end of them, which behave differently.")


class Watch(_Section):
    """What is judged in batch and without labels: rows of a mart that are unusual among those before them."""

    entity: Slug
    mart: Slug = Field(description="Without the domain's prefix; a row for each key and decision_at.")
    key: str = Field(description="Column that says whom or what a row is about.")
    description: str = Field(min_length=20)
    period: Duration = Field(description="The newest rows, which are judged.")
    history: Duration = Field(description="How long before them the rows lie that they are compared with.")
    one_in: int = Field(ge=2, le=1_000_000, description="Flagged when as unusual as one in so many.")


class AssessmentGate(_Section):
    """What the model of an assessment must reach on its holdout."""

    metric: Literal["roc_auc", "average_precision"]
    minimum: Probability
    tolerance: Probability = Field(default=0.02, description="How much worse than the version in use it may look.")
    min_positives: int = Field(default=60, ge=1, description="Fewer valid cases, or fewer others: no verdict.")
    coverage_tolerance: Probability = Field(
        default=0.08, description="How far below the declared one coverage may lie."
    )
    max_single_feature_auc: Probability = Field(default=0.995, description="A feature that does better leaks.")
    reason: str = Field(min_length=20, description="Why this metric and this minimum.")


class AssessmentThresholds(_Section):
    """When an answer is given without a person; shares are of what is claimed."""

    denied_below: Probability = Field(description="Probability of being valid below which a case is denied.")
    valid_from: Probability = Field(description="Probability from which it is held to be valid.")
    whole_from: Probability = Field(default=0.95, description="Payable share from which it is valid as a whole.")
    widest: Probability = Field(default=0.5, description="Widest interval of the payable share that is relied on.")


class AssessmentOutcomes(_Section):
    """What the four answers are called in the domain."""

    valid: Slug
    partial: Slug
    denied: Slug
    uncertain: Slug

    @property
    def names(self) -> tuple[str, str, str, str]:
        """All four, in the order of the declaration."""
        return self.valid, self.partial, self.denied, self.uncertain


class Assessment(_Section):
    """
    A further subject, judged in batch: whether a case is valid, and how much of the amount it asks for is payable.

    Cases are the rows of a mart, each as it was known at its ``decision_at``; every column of whole or real numbers
    that is not named here is a feature.
    """

    entity: Slug
    mart: Slug = Field(description="Name of the mart without the domain's.")
    key: Slug = Field(description="Text column: the case.")
    description: str = Field(min_length=20)
    amount: Slug = Field(description="Decimal column: what is claimed.")
    rate: Slug | None = Field(default=None, description="Column: one unit of the amount in the domain's currency.")
    valid: Slug = Field(description="Boolean column: whether the case was valid; empty while it is open.")
    payable: Slug = Field(description="Decimal column: what was payable; empty while it is open.")
    known_at: Slug = Field(description="Timestamp column: when both became known; empty while it is open.")
    history: Duration
    maturity: Duration = Field(
        description="How old a case must be to be judged on: younger ones that have ended are the quick."
    )
    holdout: Duration
    coverage: float = Field(ge=0.5, le=0.99, description="Share of cases whose payable amount the interval must hold.")
    seed: int = 0
    gate: AssessmentGate
    thresholds: AssessmentThresholds
    outcomes: AssessmentOutcomes

    @property
    def columns(self) -> tuple[str, ...]:
        """The mart's columns that are no features."""
        named = (self.key, "decision_at", self.amount, self.valid, self.payable, self.known_at)
        return named if self.rate is None else (*named, self.rate)


class Domain(_Section):
    """One declared domain with its tables."""

    name: Slug
    title: str = Field(min_length=3)
    description: str = Field(min_length=20)
    owner: str = Field(min_length=2)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    subject: Subject
    label: Label
    training: Training
    gate: Gate
    costs: Costs
    outcome: tuple[Outcome, ...] = Field(min_length=2)
    policy: Policy = Field(default_factory=Policy)
    serving: Serving
    monitoring: Monitoring
    request_features: dict[Slug, Annotated[str, Field(min_length=10)]] = Field(
        default_factory=dict, description="Features computed from the request and the views, name to description."
    )
    watch: tuple[Watch, ...] = ()
    demo: Demo = Field(default_factory=Demo)
    assessment: tuple[Assessment, ...] = Field(default=(), description="Further subjects, judged in batch.")
    tables: dict[str, TableContract] = Field(default_factory=dict)
    folder: Path

    @property
    def event_table(self) -> TableContract:
        """The contract of the table whose rows are scored."""
        return self.tables[self.subject.event_table]
