"""Whether each domain can be scored now, told without paths, keys or versions that are not in service."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.scoring.breaker import BreakerState
from services.scoring.champions import Post, Trouble
from services.scoring.features import GuardedFeatures
from services.scoring.rules import RulesPost, RulesTrouble

State = Literal["ready", "degraded", "not_ready", "no_champion"]


class DomainStatus(BaseModel):
    """What holds for one domain."""

    model_config = ConfigDict(frozen=True)

    domain: str
    state: State = Field(description="degraded: it is scored, but not as it should be.")
    serving: str | None = Field(description="Version of the model in service.")
    champion: str | None = Field(description="Version that should be in service.")
    problem: Trouble | None = Field(description="Why the two differ.")
    canary: str | None = Field(description="Version that should decide a share of subjects.")
    canary_share: float | None
    canary_problem: Trouble | None = Field(description="Why it does not, and the champion decides them all.")
    shadow: str | None = Field(description="Version that should score beside the champion.")
    shadow_problem: Trouble | None = Field(description="Why it does not; no decision is another one for it.")
    is_store_reachable: bool = Field(description="Whether decisions ask the feature store; they are safe ones if not.")
    breaker: BreakerState = Field(description="Of the feature store: closed while it is asked.")
    missed_events: int = Field(description="Decided while the store was away, and still to be counted by windows.")
    rules: str | None = Field(description="Version of the rules in service; null where none were published.")
    rules_problem: RulesTrouble | None = Field(description="Why they are not those that were published.")


class Readiness(BaseModel):
    """The answer of ``/readyz``."""

    model_config = ConfigDict(frozen=True)

    state: Literal["ready", "degraded", "not_ready"]
    keys_trusted: bool = Field(description="False: the key file was refused, and every key with it.")
    domains: dict[str, DomainStatus]


def domain_status(domain: str, post: Post, rules: RulesPost, features: GuardedFeatures) -> DomainStatus:
    """Say what holds for one domain."""
    problem = None if post.trouble == "no_champion" else post.trouble
    canary, shadow = post.canary, post.shadow
    if post.serving is None:
        state: State = "no_champion" if problem is None else "not_ready"
    else:
        is_store_needed = bool(post.serving.views)
        troubles = (problem, rules.trouble, canary.beside.trouble if canary else None)
        is_whole = troubles == (None, None, None) and (features.is_reachable or not is_store_needed)
        state = "ready" if is_whole else "degraded"
    return DomainStatus(
        domain=domain,
        state=state,
        serving=post.serving.version if post.serving else None,
        champion=post.champion,
        problem=problem,
        canary=canary.beside.version if canary else None,
        canary_share=canary.share if canary else None,
        canary_problem=canary.beside.trouble if canary else None,
        shadow=shadow.version if shadow else None,
        shadow_problem=shadow.trouble if shadow else None,
        is_store_reachable=features.is_reachable,
        breaker=features.breaker.state,
        missed_events=len(features.missed),
        rules=rules.serving.version if rules.serving else None,
        rules_problem=rules.trouble,
    )


def readiness(domains: list[DomainStatus], *, keys_trusted: bool) -> Readiness:
    """
    Say whether requests should come here: not while a domain with a champion has no model in service.

    A service that is degraded takes requests: its answers are defined and safe, and one store that is down would
    otherwise take every instance out of service at once.
    """
    states = {status.state for status in domains}
    state: Literal["ready", "degraded", "not_ready"] = "ready"
    if not keys_trusted or "not_ready" in states:
        state = "not_ready"
    elif "degraded" in states:
        state = "degraded"
    return Readiness(state=state, keys_trusted=keys_trusted, domains={status.domain: status for status in domains})
