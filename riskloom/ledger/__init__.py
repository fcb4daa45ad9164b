"""The memory of what was decided: decisions are appended before they are answered, and read back whole."""

from riskloom.ledger.outbox import Outbox
from riskloom.ledger.reader import TornLine, read_decisions

__all__ = ["Outbox", "TornLine", "read_decisions"]
