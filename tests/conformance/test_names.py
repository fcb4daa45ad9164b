"""A domain is a folder: the spine knows none of them by name."""

from __future__ import annotations

import subprocess
from pathlib import PurePath

from riskloom.catalog import load_catalog
from riskloom.settings import PROJECT_ROOT

#: Where a domain may be named, as patterns of paths; documents may take one as an example.
OWN = (
    "riskloom/domains/{domain}/**",
    "dbt_project/models/*/{domain}/**",
    "dbt_project/seeds/{domain}/**",
    "feature_repo/{domain}.py",
    "tests/domains/{domain}/**",
    "docs/**",
    "*.md",
)


def test_no_domain_is_named_outside_its_own_folders() -> None:
    """Code, models and tests of the spine, and of every other domain, work without knowing which domains there are."""
    domains = load_catalog()
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    named = []
    for path in listed.stdout.splitlines():
        file = PROJECT_ROOT / path
        if not file.is_file() or file.suffix in {".png", ".lock"}:
            continue
        text = f"{path}\n{file.read_text(encoding='utf-8')}"
        named += [f"{path} names {domain}" for domain in domains if domain in text and not _is_own(path, domain)]
    assert len(listed.stdout.splitlines()) > 300
    assert named == []


def _is_own(path: str, domain: str) -> bool:
    return any(_matches(PurePath(path), pattern.format(domain=domain)) for pattern in OWN)


def _matches(path: PurePath, pattern: str) -> bool:
    """Whether the pattern's folders are those of the path, ``**`` at its end standing for anything below."""
    parts, wanted = path.parts, PurePath(pattern).parts
    if wanted[-1] == "**":
        parts, wanted = parts[: len(wanted) - 1], wanted[:-1]
    return len(parts) == len(wanted) and all(
        PurePath(part).match(name) for part, name in zip(parts, wanted, strict=True)
    )
