"""People who write rules in the console and move them, by the forms of its pages."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select
from starlette.testclient import TestClient

from riskloom.ledger.database import reading
from riskloom.ledger.schema import RuleProposal
from riskloom.lifecycle.stages import RuleState, rule_state
from services.console.drafting import new_rule
from tests.console.world import DOMAINS, Answer, World, forms, send

FIRST = next(iter(DOMAINS))
RULE, SCENARIO = "name_of_the_rule", "several_signs"
PAGE = f"/rules/{FIRST}/{RULE}"


def source(name: str = RULE, *, bound: int = 300, domain: str = FIRST) -> str:
    """The text that a new rule begins with, of another name and bound."""
    return new_rule(DOMAINS[domain]).replace(RULE, name).replace("300", str(bound))


def sign(name: str, score: float | None = 30) -> str:
    """A rule that brings points; without a score one that decides the outcome."""
    effect = f"outcome: {{force: {DOMAINS[FIRST].outcome[-1].name}}}"
    return source(name) if score is None else source(name).replace(effect, f"score: {score:g}")


def scenario(*, to: float = 45, rules: str = "{first_sign: 1, second_sign: 0.5}", name: str = SCENARIO) -> str:
    """A scenario of two signs."""
    return f"""\
id: {name}
title: Several signs at once
description: Several signs that somebody else acts.
abuse_vector: account_takeover
owner: a-team
rules: {rules}
alert: {{from: 30}}
interdiction: {{from: {to:g}, force: {DOMAINS[FIRST].outcome[-1].name}}}
"""


def submit(client: TestClient, page: str, action: str, **typed: str) -> Answer:
    """Open a page and send one of its forms."""
    fields = forms(client.get(page).text)[action]
    return send(client, "POST", action, {**fields, **typed})


def write(client: TestClient, text: str, *, rule: str | None = None) -> Answer:
    """Keep a text as a draft, by the editor."""
    page = f"/drafts/{FIRST}" if rule is None else f"/drafts/{FIRST}?rule={rule}"
    return submit(client, page, f"/drafts/{FIRST}", source=text, reason="seen twice")


def move(client: TestClient, stage: str, *, version: int = 1, percent: int | None = None, step: int | None = None,
         reason: str = "it does well", page: str = PAGE) -> Answer:  # fmt: skip
    """Send the form that takes a version to a stage; of an earlier page where a step is given."""
    fields = forms(client.get(f"{page}?version={version}").text)[f"{page}/move"]
    sent = {**fields, "stage": stage, "percent": str(percent or ""), "reason": reason}
    return send(client, "POST", f"{page}/move", sent | ({} if step is None else {"step": str(step)}))


def done(answer: Answer) -> str:
    """What a step that was done leads to, by the word in the address."""
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["done"][0]


@dataclass(frozen=True, slots=True)
class Asked:
    """A proposal by its name."""

    name: str

    @property
    def url(self) -> str:
        """Where its answers are sent."""
        return f"/proposals/{FIRST}/{self.name}"


def proposals(world: World) -> list[Asked]:
    """Everything that was ever proposed, the oldest first."""
    with reading(world.engine) as session:
        return [Asked(name) for name in session.scalars(select(RuleProposal.approval_id)).all()]


def state(world: World, rule: str = RULE) -> RuleState:
    """Where a rule's versions are."""
    with reading(world.engine) as session:
        return rule_state(session, FIRST, rule)
