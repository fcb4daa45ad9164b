"""The tables of the ledger, a module a group."""

from riskloom.ledger.schema.base import Base, Instant, Money, from_microseconds, to_microseconds
from riskloom.ledger.schema.bookkeeping import AuditEvent, AuditHead, IdempotencyKey, Lease, OutboxFile
from riskloom.ledger.schema.cases import Case, CaseEvent, CaseLink, CaseState, LinkKind, Note
from riskloom.ledger.schema.controls import (
    Approval,
    EntityList,
    ListEntry,
    ListKind,
    RuleBacktest,
    RuleKind,
    RuleProposal,
    RuleStage,
    RuleStageChange,
    RuleVersion,
)
from riskloom.ledger.schema.decisions import Alert, Decision, DecisionCount, EntityValue, RuleHit, ShadowScore
from riskloom.ledger.schema.labels import Label, Provenance
from riskloom.ledger.schema.users import LogInAttempt, Role, User, UserSession

__all__ = [
    "Alert",
    "Approval",
    "AuditEvent",
    "AuditHead",
    "Base",
    "Case",
    "CaseEvent",
    "CaseLink",
    "CaseState",
    "Decision",
    "DecisionCount",
    "EntityList",
    "EntityValue",
    "IdempotencyKey",
    "Instant",
    "Label",
    "Lease",
    "LinkKind",
    "ListEntry",
    "ListKind",
    "LogInAttempt",
    "Money",
    "Note",
    "OutboxFile",
    "Provenance",
    "Role",
    "RuleBacktest",
    "RuleHit",
    "RuleKind",
    "RuleProposal",
    "RuleStage",
    "RuleStageChange",
    "RuleVersion",
    "ShadowScore",
    "User",
    "UserSession",
    "from_microseconds",
    "to_microseconds",
]
