"""A schema, rules, and people who work on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from riskloom.ledger.audit import AuditTrail, ensure_audit_key
from riskloom.lifecycle.approvals import approve, propose
from riskloom.lifecycle.assignment import ensure_assignment_key
from riskloom.lifecycle.publishing import Controls
from riskloom.lifecycle.stages import RuleState, move
from riskloom.lifecycle.transitions import Placement
from riskloom.lifecycle.versions import Written, write_version
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.registry import ensure_signing_key
from riskloom.rules import Schema
from riskloom.rules.tree import Type

DOMAIN = "some_domain"
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
SCHEMA = Schema(
    fields={
        "event.amount": Type.NUMBER,
        "event.country": Type.TEXT,
        "feature.count_1d": Type.NUMBER,
        "score": Type.NUMBER,
    },
    lists={"watched": "countries"},
    outcomes=("approve", "review", "block"),
)


def source(
    name: str = "large_amount", *, bound: int = 300, when: str | None = None, effect: str = "outcome: {force: review}"
) -> str:
    """A rule's text; its examples need an amount above the bound."""
    return f"""\
id: {name}
title: A large amount
description: An amount above what is usual.
severity: medium
abuse_vector: stolen_card
owner: payments-fraud
when: {when or f"event.amount > {bound}"}
{effect}
false_positives: [Weddings.]
examples:
  positive:
    - {{name: one above, event: {{amount: {bound + 1}, country: DE}}, lists: {{watched: [DE]}}}}
  negative:
    - {{name: nothing is known, event: {{}}}}
"""


@dataclass
class Office:
    """People at one ledger; each command is a minute after the one before."""

    controls: Controls
    now: datetime = field(default=NOW)

    @classmethod
    def over(cls, engine: Engine, folder: Path) -> Office:
        """An office over a migrated ledger, with keys and published files below a folder."""
        keys = folder / "keys"
        office: Office

        def clock() -> datetime:
            office.now += timedelta(minutes=1)
            return office.now

        office = cls(
            Controls(
                engine=engine,
                trail=AuditTrail(ensure_audit_key(keys), folder / "anchor.json"),
                folder=folder / "rules",
                signing_key=ensure_signing_key(keys),
                assignment_key=ensure_assignment_key(keys),
                pseudonym_key=ensure_pseudonym_key(keys),
                clock=clock,
            )
        )
        return office

    def write(self, text: str, *, by: str = "author") -> Written:
        """Write a version."""
        with self.controls.commanding(DOMAIN, by) as desk:
            return write_version(desk, DOMAIN, text, file="typed", schema=SCHEMA, reason="it was seen")

    def move(self, rule: str, version: int, to: Placement, *, by: str = "author") -> RuleState:
        """Take a step that needs nobody else."""
        with self.controls.commanding(DOMAIN, by) as desk:
            return move(desk, DOMAIN, rule, version, to, reason="as agreed")

    def agree(self, rule: str, version: int, to: Placement) -> RuleState:
        """Take a step that one person asks for and another approves."""
        with self.controls.commanding(DOMAIN, "author") as desk:
            asked = propose(
                desk, DOMAIN, rule, version, to, approval_id=f"ask-{self.now:%H%M}", reason="it does well", evidence={}
            )
        with self.controls.commanding(DOMAIN, "second") as desk:
            return approve(desk, asked.approval.approval_id, reason="looked at it")

    def go_live(self, text: str) -> Written:
        """Take a new rule the whole way."""
        written = self.write(text)
        name, number = written.version.rule_id, written.version.version
        self.move(name, number, Placement("shadow"))
        self.agree(name, number, Placement("rollout", 50))
        self.agree(name, number, Placement("live"))
        return written
