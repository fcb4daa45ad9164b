"""What the documentation of the policy shows is what it does."""

from __future__ import annotations

import doctest
import tomllib

import pytest
from pydantic import BaseModel

from riskloom.catalog import Costs, Outcome, Policy
from riskloom.settings import PROJECT_ROOT
from tests.documents import code_blocks

PAGE = PROJECT_ROOT / "docs" / "policy.md"


def test_its_examples_give_what_they_show() -> None:
    """The blocks of Python, one after the other, print what stands below each line."""
    source = "\n".join(code_blocks(PAGE, "python"))
    example = doctest.DocTestParser().get_doctest(source, {}, PAGE.name, str(PAGE), 0)
    assert len(example.examples) > 10
    said: list[str] = []
    doctest.DocTestRunner().run(example, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("block", code_blocks(PAGE, "toml"))
def test_its_declarations_are_read(block: str) -> None:
    """What is shown of a declaration is one."""
    content = tomllib.loads(block)
    sections: dict[str, type[BaseModel]] = {"costs": Costs, "policy": Policy}
    assert content
    for name, section in content.items():
        for part in section if isinstance(section, list) else [section]:
            sections.get(name, Outcome).model_validate(part)
