"""The gate's verdict on a model version; it travels with the model and promotion asks for it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

Interval = tuple[float, float]


class Verdict(BaseModel):
    """What the gate decided about a challenger, with every reason in words; plain JSON for other processes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passed: bool
    reasons: tuple[str, ...] = Field(description="Why it was refused; empty exactly where it passed.")
    notes: tuple[str, ...] = Field(default=(), description="What a reader must know though it refuses nothing.")
    metric: str
    value: float | None = Field(description="The challenger's value on the holdout; none where it has no value.")
    interval: Interval | None = Field(description="Its 95 % bootstrap interval.")
    minimum: float
    champion: str | None = Field(default=None, description="The champion's version at the time, if there was one.")
    champion_value: float | None = Field(default=None, description="The champion's value on the same rows.")
    difference: float | None = Field(default=None, description="Challenger minus champion.")
    difference_interval: Interval | None = Field(default=None, description="Its paired 95 % bootstrap interval.")
    rows: int
    positives: int
    as_of: str = Field(description="ISO 8601, UTC: what was known then was judged.")
