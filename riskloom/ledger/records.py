"""From a line of the outbox to rows of the database."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Literal

from riskloom.errors import LedgerError
from riskloom.ledger.schema.base import MONEY_DECIMALS

Row = dict[str, Any]

#: How the policy chose, where it had something to say.
_CHOICE = ("expected_costs", "changed_by", "exploration", "forced_by", "forbidden_by")
_UNIT = Decimal(1).scaleb(-MONEY_DECIMALS)
_MILLISECOND_US = 1000
#: Of whatever is a key: more would not fit into an index of PostgreSQL.
_LONGEST_KEY = 600
_LARGEST = 1_000_000  # of scores and of milliseconds
_LARGEST_AMOUNT = Decimal(10) ** 14
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes no zero, and UTF-8 no half of a surrogate pair


@dataclass(frozen=True, slots=True)
class Alerting:
    """
    Which decisions of a domain somebody should look at, and what each would cost where it was bad.

    Attributes:
        outcomes: Those that raise an alert; a scenario that came to its alert raises one whatever the outcome.
        loss: The domain's cost of a missed case: the amount at stake, or one sum for each.
    """

    outcomes: frozenset[str]
    loss: Literal["amount"] | Decimal

    def concerns(self, decision: Row) -> bool:
        """Whether somebody should look at a decision."""
        return decision["outcome"] in self.outcomes or _came_to_a_level(decision)

    def expected_loss(self, decision: Row) -> Decimal:
        """Probability times what is at stake; nothing where there is no score, so that such alerts stand last."""
        at_stake: Decimal | None = decision["amount"] if isinstance(self.loss, str) else self.loss
        if decision["score"] is None or at_stake is None:
            return Decimal(0)
        return (Decimal(decision["score"]) * at_stake).quantize(_UNIT, ROUND_HALF_EVEN)


def decision_row(line: bytes, domain: str) -> Row:
    """
    The columns of ``decisions`` from one line.

    An amount of more digits than the table keeps is rounded there; ``event`` has all of them.

    Raises:
        LedgerError: The line is no whole decision of this domain; says which key, never a value.
    """
    found = read_line(line, domain)
    latency = _number(found, "latency_ms")
    return {
        "decision_id": _key(found, "decision_id"),
        "domain": domain,
        "subject": _key(found, "subject"),
        "event_id": _key(found, "event_id", found.get("subject")),
        "entity": _optional_key(found, "entity"),
        "decided_at": _time(found, "decided_at"),
        "effective_at": _time(found, "effective_at") if found.get("effective_at") is not None else None,
        "amount": _amount(found),
        "score": _number(found, "score"),
        "outcome": _key(found, "outcome"),
        "basis": _key(found, "basis"),
        "model_version": _key(found, "model_version"),
        "rules_version": _optional_key(found, "rules_version"),
        "policy_version": _optional_key(found, "policy_version"),
        "is_degraded": _value(found, "degraded", bool, default=False),
        "is_exploration": bool(_value(found, "exploration", dict, {})),
        "latency_us": None if latency is None else round(latency * _MILLISECOND_US),
        "rules_hit": _value(found, "rules_hit", list, []),
        "reasons": _value(found, "reasons", list, []),
        "choice": {name: found[name] for name in _CHOICE if found.get(name)},
        "features": _value(found, "features", dict, {}),
        "freshness": _value(found, "freshness", dict, {}),
        "shadow": _value(found, "shadow", dict, {}),
        "event": _value(found, "event", dict, {}),
    }


def shadow_row(line: bytes, domain: str) -> Row:
    """The columns of ``shadow_scores`` from one line; raises as :func:`decision_row` does."""
    found = read_line(line, domain)
    score = _number(found, "score")
    if score is None:
        raise LedgerError("score: expected a number")
    keys = ("version", "decision_id", "model_version", "outcome", "would_be")
    return {
        "domain": domain,
        "decided_at": _time(found, "decided_at"),
        "score": score,
        "shadow_score": _number(found, "shadow_score"),
        **{name: _key(found, name) for name in keys},
    }


def read_line(line: bytes, domain: str) -> dict[str, Any]:
    """The object that a line of an outbox holds; raises LedgerError where it is no whole one of the domain."""
    try:
        found = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise LedgerError("expected a whole line of JSON") from error
    if not isinstance(found, dict):
        raise LedgerError("expected a JSON object")
    if found.get("domain") != domain:
        raise LedgerError("domain: expected that of the folder")
    return found


def alert_row(decision: Row, alerting: Alerting) -> Row:
    """The alert about a decision: its name follows from the decision's, so that there is one."""
    return {
        "alert_id": f"a-{decision['decision_id']}",
        "domain": decision["domain"],
        "kind": "scenario" if _came_to_a_level(decision) else "decision",
        "decision_id": decision["decision_id"],
        "subject": decision["subject"],
        "entity": decision["entity"] or decision["subject"],
        "raised_at": decision["decided_at"],
        "expected_loss": alerting.expected_loss(decision),
        "case_id": None,
    }


def entity_values(decisions: Iterable[Row], columns: Mapping[str, Sequence[str]]) -> list[Row]:
    """
    With which values entities were seen, and in how many decisions; nothing of what is missing or no key.

    Args:
        decisions: As :func:`decision_row` gives them.
        columns: Of the events by domain: those by whose values subjects belong together.
    """
    seen = Counter(
        (row["domain"], name, value, row["entity"])
        for row in decisions
        for name in columns.get(row["domain"], ())
        if row["entity"] is not None and _is_key(value := row["event"].get(name))
    )
    return [
        {"domain": domain, "name": name, "value": value, "entity": entity, "decisions": count}
        for (domain, name, value, entity), count in sorted(seen.items())  # so that no two shippers wait for each other
    ]


def _came_to_a_level(decision: Row) -> bool:
    """Whether a scenario with effect came to its alert or further."""
    return any(isinstance(hit, dict) and hit.get("scenario") for hit in decision["rules_hit"])


def hit_rows(decision: Row) -> list[Row]:
    """The rules that hit a decision, in effect and in shadow, as rows of ``rule_hits``; what is no rule is left out."""
    shadow = decision["shadow"]
    is_changed = shadow.get("outcome") not in {None, decision["outcome"]}
    said = [(hit, False) for hit in decision["rules_hit"]]
    said += [(hit, is_changed) for hit in shadow.get("rules_hit", ())]
    return list(
        {
            (hit["rule"], hit["version"], hit["stage"]): {
                "domain": decision["domain"],
                "rule_id": hit["rule"],
                "decided_at": decision["decided_at"],
                "decision_id": decision["decision_id"],
                "version": hit["version"],
                "stage": hit["stage"],
                "subject": decision["subject"],
                "is_changed": changed,
            }
            for hit, changed in said
            if isinstance(hit, dict) and hit.keys() >= {"rule", "version", "stage"}
        }.values()
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number that JSON can say")


def _value(record: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = record.get(key)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise LedgerError(f"{key}: expected another type than {type(value).__name__}")
    return value


def _number(record: Mapping[str, Any], key: str) -> float | None:
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        raise LedgerError(f"{key}: expected a number up to {_LARGEST}")
    return float(value)


def _key(record: Mapping[str, Any], key: str, default: object = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str) or not _is_key(value):
        raise LedgerError(f"{key}: expected a text of 1 to {_LONGEST_KEY} characters that UTF-8 can say")
    return value


def _is_key(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_KEY and not _UNSTORABLE.search(value)


def _optional_key(record: Mapping[str, Any], key: str) -> str | None:
    return None if record.get(key) is None else _key(record, key)


def _time(record: Mapping[str, Any], key: str) -> datetime:
    try:
        instant = datetime.fromisoformat(str(record.get(key)))
    except ValueError as error:
        raise LedgerError(f"{key}: expected an ISO 8601 time") from error
    if instant.tzinfo is None:
        raise LedgerError(f"{key}: expected a time with an offset")
    return instant


def _amount(record: Mapping[str, Any]) -> Decimal | None:
    value = record.get("amount")
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
        if abs(amount) < _LARGEST_AMOUNT:
            return amount.quantize(_UNIT, ROUND_HALF_EVEN)
    except InvalidOperation as error:
        raise LedgerError("amount: expected a number") from error
    raise LedgerError(f"amount: expected less than {_LARGEST_AMOUNT}")
