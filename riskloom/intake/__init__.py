"""
Events that are pushed without wanting a decision: checked by their table's contract, counted by the live windows, kept
for the landing zone; each once, by its key, however often it is sent.

Importing this opens nothing and imports neither Feast nor DuckDB.
"""

from riskloom.intake.door import Door, Receipt, open_door
from riskloom.intake.kept import KeptDoor, stamp_of
from riskloom.intake.rows import FieldRefusal, RowReader, RowRefusedError

__all__ = ["Door", "FieldRefusal", "KeptDoor", "Receipt", "RowReader", "RowRefusedError", "open_door", "stamp_of"]
