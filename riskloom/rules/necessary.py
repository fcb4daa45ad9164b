"""What must hold wherever a condition does, and can be told from some of its fields alone."""

from __future__ import annotations

from collections.abc import Callable

from riskloom.rules.tree import And, Node, Or, fields_of


def necessary(condition: Node, is_known: Callable[[str], bool]) -> Node | None:
    """
    A condition that is true wherever another one is, and reads known fields only; None where there is none.

    Of ``and`` all terms must hold, so those that can be told are kept; of ``or`` one must, so each has to leave some.

    Args:
        condition: As the checker gave it.
        is_known: Whether a field, by its full name, may be read.
    """
    if all(map(is_known, fields_of(condition))):
        return condition
    match condition:
        case And(terms=terms):
            kept = tuple(found for term in terms if (found := necessary(term, is_known)) is not None)
            return And(kept) if len(kept) > 1 else next(iter(kept), None)
        case Or(terms=terms):
            weaker = tuple(necessary(term, is_known) for term in terms)
            return None if None in weaker else Or(tuple(each for each in weaker if each is not None))
        case _:
            return None
