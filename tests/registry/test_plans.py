"""Read plans: compiled and signed at a promotion, checked when they are read, renewed when features are published."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from riskloom.catalog import load_catalog
from riskloom.errors import PlanError, RegistryError, SignatureError
from riskloom.features import FeatureView, ReadPlan, compile_plan
from riskloom.registry import (
    ModelStore,
    load_public_key,
    plans_stamp,
    promote,
    read_plan,
    read_record,
    renew_plans,
    rollback,
    save_model,
)
from riskloom.registry.plans import plan_path
from riskloom.windows import Stream, WindowPlan
from tests.registry.models import DOMAIN, FEATURES, PASSED, make_model, planned

AT = datetime(2026, 3, 1, tzinfo=UTC)
SAID: dict[str, Any] = {"by": "ana", "why": "better", "at": AT}
#: A stream whose fields are not in the order of the alphabet: their order decides how state is laid out.
STREAM = Stream("visits", "visits", f"{DOMAIN}__visits", "visit", ("card",), {"spent": 2, "item": "key"}, 1_000)


@pytest.fixture
def folder(tmp_path: Path, store: ModelStore) -> Path:
    """The records' folder; three versions are there."""
    for number in range(1, 4):
        save_model(store, *make_model(threshold=number / 10), PASSED, documents={})
    return tmp_path / "registry"


def declared(*names: str) -> Callable[[str, str, Sequence[str]], ReadPlan]:
    """Compiles plans as if one view, beside a windowed stream, gave these features and no others."""

    def compiled(domain_name: str, version: str, features: Sequence[str]) -> ReadPlan:
        domain = load_catalog()[domain_name]
        given: dict[str, Literal["double", "bigint"]] = dict.fromkeys(names, "double")
        view = FeatureView("all", "card", domain.subject.key, timedelta(days=1), given, "Of a test.", "all")
        windows = WindowPlan(domain_name, (STREAM,), ())
        return compile_plan(domain, [view], windows, project="tests", version=version, features=features)

    return compiled


def read(folder: Path, store: ModelStore, version: str = "1") -> ReadPlan:
    """The plan of a version, checked."""
    return read_plan(folder, DOMAIN, version, load_public_key(store.keys))


def test_a_promotion_compiles_and_signs_what_its_model_reads(folder: Path, store: ModelStore) -> None:
    """What is read back is what was compiled, also the order of a stream's fields; the same plan, the same digest."""
    promote(folder, store, DOMAIN, "1", compile_plan=declared(*FEATURES), **SAID)
    compiled = declared(*FEATURES)(DOMAIN, "1", FEATURES)
    found = read(folder, store)
    assert (found, found.digest) == (compiled, compiled.digest)
    assert list(found.reads.windows.streams[0].fields) == ["spent", "item"]
    assert found.reads.windows.fingerprint == compiled.reads.windows.fingerprint
    assert (found.features, found.given) == (FEATURES, frozenset(FEATURES))


def test_a_model_whose_feature_nothing_gives_is_not_promoted(folder: Path, store: ModelStore) -> None:
    """The refusal names the feature and the nearest name; the record is as it was, and there is no plan."""
    with pytest.raises(PlanError, match=re.escape("gives second (nearest: secund)")):
        promote(folder, store, DOMAIN, "1", compile_plan=declared("first", "secund", "third"), **SAID)
    assert read_record(folder, DOMAIN).champion is None
    with pytest.raises(PlanError, match=f"riskloom read-plan {DOMAIN} 1 --renew"):
        read(folder, store)


def changed(content: dict[str, Any]) -> None:
    content["plan"]["reads"]["views"][0]["ttl_us"] += 1


def reordered(content: dict[str, Any]) -> None:
    fields = content["plan"]["reads"]["windows"]["streams"][0]["fields"]
    content["plan"]["reads"]["windows"]["streams"][0]["fields"] = dict(reversed(fields.items()))


def newer(content: dict[str, Any]) -> None:
    content["plan"]["format"] = 2


def unsigned(content: dict[str, Any]) -> None:
    content["signature"] = ""


def incomplete(content: dict[str, Any]) -> None:
    del content["signature"]


def misnamed(content: dict[str, Any]) -> None:
    content["digest"] = "0" * 64


SPOILT: Mapping[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "changed": (changed, "signature does not fit"),
    "reordered": (reordered, "signature does not fit"),
    "newer": (newer, r"plan\.format: expected 1, found 2"),
    "unsigned": (unsigned, "signature"),
    "incomplete": (incomplete, "signature: expected a value, found nothing"),
    "misnamed": (misnamed, "digest: expected"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_plan_that_is_not_as_it_was_signed_is_refused(folder: Path, store: ModelStore, how: str) -> None:
    """Whatever was changed, the file is named with what was expected of it."""
    promote(folder, store, DOMAIN, "1", compile_plan=declared(*FEATURES), **SAID)
    spoil, told = SPOILT[how]
    path = plan_path(folder, DOMAIN, "1")
    content = json.loads(path.read_bytes())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(SignatureError, match=told) as refused:
        read(folder, store)
    assert str(path) in str(refused.value)


def test_a_plan_of_another_model_is_refused(folder: Path, store: ModelStore) -> None:
    """Signed as it is, it belongs to one version; and half a file belongs to none."""
    promote(folder, store, DOMAIN, "1", compile_plan=planned, **SAID)
    whole = plan_path(folder, DOMAIN, "1").read_bytes()
    other = plan_path(folder, DOMAIN, "2")
    other.write_bytes(whole)
    with pytest.raises(SignatureError, match="expected the plan of version 2"):
        read(folder, store, "2")
    other.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SignatureError, match=re.escape(str(other))):
        read(folder, store, "2")


def test_a_rollback_finds_the_plan_of_the_version_it_returns_to(folder: Path, store: ModelStore) -> None:
    """Each version has its own; without it, or with one that was changed, there is no return."""
    for version in ("1", "2", "3"):
        promote(folder, store, DOMAIN, version, compile_plan=planned, **SAID)
    assert rollback(folder, store, DOMAIN, **SAID).champion == "2"
    assert read(folder, store, "2").version == "2"
    plan_path(folder, DOMAIN, "1").write_text("{}")
    with pytest.raises(SignatureError):
        rollback(folder, store, DOMAIN, **SAID)
    plan_path(folder, DOMAIN, "1").unlink()
    with pytest.raises(PlanError, match="no read plan of version 1"):
        rollback(folder, store, DOMAIN, **SAID)
    assert read_record(folder, DOMAIN).champion == "2"


def test_plans_follow_what_is_declared(folder: Path, store: ModelStore) -> None:
    """Renewed, those that read the same stay untouched, and the others are replaced; who looks at the stamp sees it."""
    for version in ("1", "2"):
        promote(folder, store, DOMAIN, version, compile_plan=planned, **SAID)
    before = plans_stamp(folder, DOMAIN)
    same = renew_plans(folder, store, DOMAIN, compile_plan=planned)
    assert (same.same, same.written, same.gone, list(same.lines())) == (("1", "2"), (), (), [])
    assert plans_stamp(folder, DOMAIN) == before
    other = renew_plans(folder, store, DOMAIN, compile_plan=declared(*FEATURES))
    assert (other.same, other.written, other.gone) == ((), ("1", "2"), ())
    assert plans_stamp(folder, DOMAIN) != before
    assert read(folder, store, "2").reads.windows.streams == (STREAM,)


def test_a_version_that_cannot_be_read_any_more_loses_its_plan(folder: Path, store: ModelStore) -> None:
    """It is told with the feature, nothing returns to it, and once the feature is given again it has a plan again."""
    for version in ("1", "2"):
        promote(folder, store, DOMAIN, version, compile_plan=planned, **SAID)
    renewed = renew_plans(folder, store, DOMAIN, compile_plan=declared("first", "third"))
    assert [version for version, _ in renewed.gone] == ["1", "2"]
    assert all("gives second (nearest: " in line for line in renewed.lines())
    with pytest.raises(PlanError):
        rollback(folder, store, DOMAIN, **SAID)
    assert renew_plans(folder, store, DOMAIN, compile_plan=planned).written == ("1", "2")
    assert rollback(folder, store, DOMAIN, **SAID).champion == "1"


def test_a_lost_plan_is_compiled_anew(folder: Path, store: ModelStore) -> None:
    """Champions of a release without plans have none; the next publication of features gives them theirs."""
    promote(folder, store, DOMAIN, "1", compile_plan=planned, **SAID)
    path = plan_path(folder, DOMAIN, "1")
    for content in (None, b"{}"):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        assert renew_plans(folder, store, DOMAIN, compile_plan=planned).written == ("1",)
        assert read(folder, store) == planned(DOMAIN, "1", FEATURES)


def test_a_model_that_cannot_be_trusted_gets_no_plan(folder: Path, store: ModelStore) -> None:
    """It is told, and does not keep the other versions from theirs."""
    for version in ("1", "2"):
        promote(folder, store, DOMAIN, version, compile_plan=planned, **SAID)
    manifest = store.folder(DOMAIN, "1") / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"first", b"fifth"))
    renewed = renew_plans(folder, store, DOMAIN, compile_plan=declared(*FEATURES))
    assert (renewed.written, [version for version, _ in renewed.gone]) == (("2",), ["1"])
    with pytest.raises(RegistryError):
        rollback(folder, store, DOMAIN, **SAID)
