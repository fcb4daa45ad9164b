"""API keys: shown once, kept as hashes, denied unless granted."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from riskloom.access import AUDIT, METRICS, create_key, known_scopes, load_keys, revoke_key, score_scope
from riskloom.errors import ConfigError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def make(path: Path, name: str, *scopes: str, byte: int = 7) -> str:
    return create_key(path, name, scopes, created_at=NOW, secret=bytes([byte]) * 32)


def test_created_key_is_found_and_not_kept(tmp_path: Path) -> None:
    """The key opens, and the file does not hold it."""
    path = tmp_path / "keys" / "api_keys.json"
    token = make(path, "checkout", "score:some_domain")
    key = load_keys(path).find(token)
    assert key is not None
    assert (key.name, key.scopes, key.created_at) == ("checkout", ("score:some_domain",), NOW)
    assert token not in path.read_text()
    assert token.removeprefix("rlk_") not in path.read_text()
    assert key.sha256 not in repr(key)


@pytest.mark.parametrize("wrong", ["", "rlk_", "rlk_" + "00" * 32, "\udcff"])
def test_anything_else_is_nobody(tmp_path: Path, wrong: str) -> None:
    """A key that was not given out finds nobody."""
    path = tmp_path / "api_keys.json"
    make(path, "checkout", "score:*")
    assert load_keys(path).find(wrong) is None


def test_denied_unless_granted(tmp_path: Path) -> None:
    """A scope opens its own domain, ``score:*`` every domain, and neither opens the metrics."""
    path = tmp_path / "api_keys.json"
    ring_of = {
        name: make(path, name, scope, byte=n)
        for n, (name, scope) in enumerate([("one", "score:some_domain"), ("every", "score:*"), ("scraper", METRICS)])
    }
    ring = load_keys(path)
    rights = {
        name: [key.may(scope) for scope in (score_scope("some_domain"), score_scope("other"), METRICS)]
        for name, token in ring_of.items()
        if (key := ring.find(token)) is not None
    }
    assert rights == {"one": [True, False, False], "every": [True, True, False], "scraper": [False, False, True]}


def test_a_right_in_one_domain_is_none_in_another_and_no_other_right(tmp_path: Path) -> None:
    """To read is not to write, one domain is not the next, and ``*`` is every domain of its right alone."""
    path = tmp_path / "api_keys.json"
    token = make(path, "clerk", "cases:read:*", "cases:write:some_domain")
    key = load_keys(path).find(token)
    assert key is not None
    asked = ("cases:read:other", "cases:write:some_domain", "cases:write:other", "rules:read:some_domain", AUDIT)
    assert [key.may(scope) for scope in asked] == [True, True, False, False, False]
    assert key.actor == "key:clerk"


def test_a_key_ends_when_its_time_is_over(tmp_path: Path) -> None:
    """The end is no longer part of it; without one it stays until it is revoked."""
    path = tmp_path / "api_keys.json"
    end = NOW + timedelta(days=1)
    token = create_key(path, "guest", ["score:*"], created_at=NOW, secret=b"g" * 32, expires_at=end)
    stays = make(path, "stays", "score:*")
    ring = load_keys(path)
    guest, other = ring.find(token), ring.find(stays)
    assert guest is not None
    assert other is not None
    assert [guest.is_expired(at) for at in (NOW, end - timedelta(microseconds=1), end)] == [False, False, True]
    assert not other.is_expired(end + timedelta(days=9999))


def test_every_known_scope_can_be_granted(tmp_path: Path) -> None:
    """What the command line offers is what a key file takes."""
    scopes = known_scopes(["some_domain"])
    assert {"score:*", "rules:approve:some_domain", "models:read:*", METRICS, AUDIT} <= set(scopes)
    make(tmp_path / "api_keys.json", "everything", *scopes)


def test_no_file_opens_nothing(tmp_path: Path) -> None:
    """Without a key file there is no key, which is not an error."""
    assert load_keys(tmp_path / "none.json").keys == ()


def test_revoked_key_is_nobody(tmp_path: Path) -> None:
    """A revoked key no longer opens; the others still do."""
    path = tmp_path / "api_keys.json"
    gone, kept = make(path, "gone", "score:*", byte=1), make(path, "kept", "score:*", byte=2)
    revoke_key(path, "gone")
    ring = load_keys(path)
    assert ring.find(gone) is None
    assert ring.find(kept) is not None
    with pytest.raises(ConfigError, match="known keys: kept"):
        revoke_key(path, "gone")


def test_file_is_the_owners_alone(tmp_path: Path) -> None:
    """The file is made for its owner only, and refused once others may read it."""
    path = tmp_path / "keys" / "api_keys.json"
    make(path, "checkout", "score:*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="expected mode 600, found 640"):
        load_keys(path)


def test_same_name_twice_is_refused(tmp_path: Path) -> None:
    """Two keys of one name could not be told apart when one is revoked."""
    path = tmp_path / "api_keys.json"
    make(path, "checkout", "score:*", byte=1)
    with pytest.raises(ConfigError, match="revoke it first"):
        make(path, "checkout", "score:*", byte=2)
    assert len(load_keys(path).keys) == 1


@pytest.mark.parametrize(
    "scope",
    [
        "score",
        "score:",
        "score:Upper",
        "admin",
        "*",
        "metrics:write",
        "cases:read",
        "cases:*",
        "audit:read:*",
        "cases:approve:some_domain",
    ],
)
def test_unknown_scope_is_refused(tmp_path: Path, scope: str) -> None:
    """A scope that means nothing is refused when the key is made, not ignored when it is used."""
    with pytest.raises(ConfigError, match="scopes"):
        make(tmp_path / "api_keys.json", "checkout", scope)


def test_broken_file_is_refused(tmp_path: Path) -> None:
    """A file that is not a key file is an error that names the key in question."""
    path = tmp_path / "api_keys.json"
    make(path, "checkout", "score:*")
    content = json.loads(path.read_text())
    content["keys"][0]["sha256"] = "plain text"
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"keys\.0\.sha256"):
        load_keys(path)
