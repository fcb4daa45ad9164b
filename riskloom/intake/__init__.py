"""
Events that are pushed without wanting a decision: checked by their table's contract, counted by the live windows, kept
for the landing zone; each once, by its key, however often it is sent.

Importing this opens nothing and imports neither Feast nor DuckDB.
"""

from riskloom.contracts.rows import FieldRefusal, RowRefusedError
from riskloom.intake.door import Door, Receipt, open_door
from riskloom.intake.kept import KeptDoor, stamp_of
from riskloom.intake.rows import PushedRows

__all__ = ["Door", "FieldRefusal", "KeptDoor", "PushedRows", "Receipt", "RowRefusedError", "open_door", "stamp_of"]
