"""Which lists a domain declares, and of what."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.catalog import Domain
from riskloom.errors import CatalogError
from riskloom.rules import DeclaredList, declared_lists, load_lists
from riskloom.rules.book import LISTS


@pytest.fixture
def spoilt(domain: Domain, tmp_path: Path) -> Domain:
    """The domain with a folder that has nothing in it yet."""
    return domain.model_copy(update={"folder": tmp_path})


def write(domain: Domain, text: str) -> None:
    """Write the domain's lists."""
    (domain.folder / LISTS).write_text(text, encoding="utf-8")


def test_a_list_says_what_it_holds_and_may_say_of_which_column(spoilt: Domain) -> None:
    """A text alone is enough where the members identify nobody; without a file there are none."""
    assert declared_lists(spoilt) == {}
    group = spoilt.subject.group
    write(spoilt, f"places: Places that were seen.\npeople:\n  of: {group}\n  holds: People who were seen.\n")
    assert declared_lists(spoilt) == {
        "places": DeclaredList("Places that were seen."),
        "people": DeclaredList("People who were seen.", of=group),
    }
    assert load_lists(spoilt) == {"places": "Places that were seen.", "people": "People who were seen."}


@pytest.mark.parametrize(
    "entry",
    ["7", "[a]", "{of: nothing}", "{holds: People who were seen.}", "{holds: Who., of: x, by: y}", "{holds: 1, of: x}"],
)
def test_what_is_no_declaration_is_named(spoilt: Domain, entry: str) -> None:
    """With its place, and what was expected there."""
    write(spoilt, f"places: Places that were seen.\npeople: {entry}\n")
    with pytest.raises(CatalogError) as caught:
        declared_lists(spoilt)
    (mistake,) = caught.value.mistakes
    assert f"{LISTS}:2:" in str(mistake)
    assert "people: expected what the list holds, in a few words, or `holds` and `of`" in str(mistake)


def test_a_column_that_is_none_is_named_with_the_nearest(spoilt: Domain) -> None:
    """A list of a misspelt column would keep names, so it is refused."""
    group = spoilt.subject.group
    write(spoilt, f"people:\n  of: {group}x\n  holds: People who were seen.\n")
    with pytest.raises(CatalogError) as caught:
        declared_lists(spoilt)
    (mistake,) = caught.value.mistakes
    assert f"{LISTS}:2:" in str(mistake)
    assert f"people.of: expected a known name, nearest is '{group}', found '{group}x'" in str(mistake)
