"""Models are saved signed and answer what is open; what they cannot read or trust is refused by name."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from riskloom.assessment import Cases, assess_open, passed_version, read_cases, train_and_save
from riskloom.assessment.run import find_assessment
from riskloom.assessment.store import AssessmentStore
from riskloom.catalog import Domain, load_catalog
from riskloom.cli import build_app
from riskloom.cli.training import GATE_REFUSED
from riskloom.errors import ConfigError, FeatureError, RegistryError, SignatureError
from riskloom.registry import ModelStore
from riskloom.settings import Settings
from tests.assessment.world import AS_OF, ASSESSMENT, a_domain, make_cases, to_table, with_labels, write_mart

ENTITY = ASSESSMENT.entity


@dataclass(frozen=True)
class Home:
    """Where marts, models and answers of one test are."""

    domain: Domain
    folder: Path

    @property
    def marts(self) -> Path:
        """Where marts are."""
        return self.folder / "marts"

    @property
    def models(self) -> ModelStore:
        """Where models are."""
        return ModelStore(self.folder / "bentoml", self.folder / "keys")

    def train(self, **options: Any) -> dict[str, Any]:
        """Train and save."""
        return train_and_save(self.domain, ENTITY, self.marts, self.models, **{"as_of": AS_OF, **options})

    def answer(self, **options: Any) -> dict[str, Any]:
        """Answer what is open."""
        where = self.marts, self.models, self.folder / "answers"
        return assess_open(self.domain, ENTITY, *where, **{"as_of": AS_OF, **options})

    @property
    def store(self) -> AssessmentStore:
        """The versions."""
        return AssessmentStore(self.models, self.domain.name, ENTITY)


@pytest.fixture(scope="module")
def cases() -> Cases:
    """One history."""
    return make_cases(2)


@pytest.fixture
def home(tmp_path: Path, cases: Cases) -> Home:
    """A home with the mart in it."""
    domain = a_domain()
    write_mart(tmp_path / "marts", domain, to_table(cases))
    return Home(domain, tmp_path)


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory, cases: Cases) -> tuple[Home, dict[str, Any], pa.Table]:
    """A home with a trained model and what it said of open cases."""
    home = Home(a_domain(), tmp_path_factory.mktemp("answered"))
    write_mart(home.marts, home.domain, to_table(cases))
    assert home.train()["passed"]
    outcome = home.answer()
    return home, outcome, pq.read_table(outcome["file"])


def test_what_is_open_is_answered(answered: tuple[Home, dict[str, Any], pa.Table], cases: Cases) -> None:
    """Each case that was filed and had not ended, once; nothing else."""
    _, outcome, table = answered
    is_open = np.isnat(cases.known) | (cases.known >= np.datetime64(AS_OF.replace(tzinfo=None)))
    assert set(table["claim_id"].to_pylist()) == set(cases.keys[is_open])
    assert len(table) == outcome["cases"] == sum(outcome["outcomes"].values()) == is_open.sum() > 30
    assert set(table["model_version"].to_pylist()) == {"1"}
    assert set(table["as_of"].to_pylist()) == {AS_OF.replace(tzinfo=None)}


def test_amounts_are_exact_and_within_the_claim(answered: tuple[Home, dict[str, Any], pa.Table]) -> None:
    """Money is decimal with two places, and nothing <= low <= payable <= high <= claimed."""
    _, _, table = answered
    for name in ("asked_amount", "payable_amount", "payable_low", "payable_high"):
        assert table.schema.field(name).type == pa.decimal128(18, 2)
    for row in table.to_pylist():
        ends = (Decimal(0), row["payable_low"], row["payable_amount"], row["payable_high"], row["asked_amount"])
        assert list(ends) == sorted(ends)


def test_outcomes_follow_the_declared_thresholds(answered: tuple[Home, dict[str, Any], pa.Table]) -> None:
    """Hardly valid is refused; likely valid and narrow enough is granted, in part or whole; the rest is a person's."""
    _, outcome, table = answered
    limits, seen = ASSESSMENT.thresholds, set()
    for row in table.to_pylist():
        claimed = float(row["asked_amount"])
        width = float(row["payable_high"] - row["payable_low"]) / claimed
        if abs(width - limits.widest) < 2 / claimed:
            continue  # the file has hundredths, the decision was made before rounding
        is_sure = row["probability_valid"] >= limits.valid_from and width <= limits.widest
        expected = {"refuse"} if row["probability_valid"] < limits.denied_below else {"ask"}
        if is_sure:
            expected = {"grant", "grant_part"}
        assert row["outcome"] in expected
        seen.add(row["outcome"])
    assert {"refuse", "ask", "grant_part"} <= seen
    assert set(outcome["outcomes"]) == {"grant", "grant_part", "refuse", "ask"}


def test_an_earlier_instant_knows_less(answered: tuple[Home, dict[str, Any], pa.Table], cases: Cases) -> None:
    """Asked as of an earlier day, what ended since then is open, and what was filed since is not there."""
    home, _, _ = answered
    at = AS_OF - timedelta(days=50)
    table = pq.read_table(home.answer(as_of=at)["file"])
    bound = np.datetime64(at.replace(tzinfo=None))
    assert set(table["claim_id"].to_pylist()) == set(cases.keys[(cases.decided < bound) & ~(cases.known < bound)])


def test_the_same_instant_again_replaces_the_answers(answered: tuple[Home, dict[str, Any], pa.Table]) -> None:
    """One file for each instant, the same rows each time."""
    home, outcome, table = answered
    again = home.answer()
    assert again == outcome
    assert pq.read_table(again["file"]).equals(table)


def test_the_same_model_again_is_the_same_version(home: Home) -> None:
    """Training twice on the same cases adds nothing; on others it adds a version."""
    first, second = home.train(), home.train()
    assert (first["version"], first["is_new"], second["version"], second["is_new"]) == ("1", True, "1", False)
    assert home.train(as_of=AS_OF - timedelta(days=10))["version"] == "2"


def test_what_the_gate_refused_does_not_answer(home: Home, cases: Cases) -> None:
    """It is saved with its reasons; the newest that passed answers, and where there is none that is said."""
    noise = replace(cases, matrix=np.random.default_rng(3).normal(size=cases.matrix.shape))
    with pytest.raises(RegistryError, match="has no version that passed: none was trained"):
        home.answer()
    write_mart(home.marts, home.domain, to_table(noise))
    assert not home.train()["passed"]
    with pytest.raises(RegistryError, match="has no version that passed: the gate refused all 1"):
        home.answer()
    assert passed_version(home.models, home.domain.name, ENTITY) is None
    assert home.answer(version="1")["version"] == "1"
    write_mart(home.marts, home.domain, to_table(cases))
    assert home.train()["version"] == "2"
    write_mart(home.marts, home.domain, to_table(noise))
    assert not home.train(as_of=AS_OF - timedelta(days=1))["passed"]
    assert home.answer()["version"] == "2"


def test_changed_bytes_are_never_opened(home: Home) -> None:
    """A file that was changed, added, or taken from another model is named; nothing of the version is used."""
    home.train()
    folder = home.store.folder("1")
    text = (folder / "low.txt").read_bytes()
    (folder / "low.txt").write_bytes(text.replace(b"leaf_value=", b"leaf_value=9", 1))
    with pytest.raises(SignatureError, match=r"low\.txt: expected the bytes that were signed"):
        home.answer()
    (folder / "low.txt").write_bytes(text)
    (folder / "extra.pkl").write_bytes(b"")
    with pytest.raises(SignatureError, match=r"extra\.pkl: expected only files of the model"):
        home.answer()
    (folder / "extra.pkl").unlink()
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"margin":', b'"margin":9', 1))
    with pytest.raises(SignatureError):
        home.answer()


def test_a_verdict_belongs_to_one_model(home: Home) -> None:
    """The verdict of a model that passed is worth nothing beside another."""
    home.train()
    home.train(as_of=AS_OF - timedelta(days=10))
    for name in ("verdict.json", "verdict.sig"):
        (home.store.folder("2") / name).write_bytes((home.store.folder("1") / name).read_bytes())
    with pytest.raises(SignatureError, match="expected the verdict on this model, found that on another"):
        home.answer()


def without(table: pa.Table, name: str) -> pa.Table:
    return table.drop_columns([name])


def retyped(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, table[name].cast(kind))


def put(table: pa.Table, name: str, value: Any) -> pa.Table:
    values = table[name].to_pylist()
    values[7] = value
    return table.set_column(table.column_names.index(name), name, pa.array(values, table.schema.field(name).type))


SPOILT = {
    "resolved_at: expected a column of this name, found claim_id, decision_at": lambda t: without(t, "resolved_at"),
    "asked_amount: expected a column of type DECIMAL, found DOUBLE": lambda t: retyped(t, "asked_amount", pa.float64()),
    "is_valid: expected a column of type BOOLEAN, found TINYINT": lambda t: retyped(t, "is_valid", pa.int8()),
    "claim_id: expected a value in every row, found 1 without": lambda t: put(t, "claim_id", None),
    "claim_id: expected one row a case, found 1 that repeat one": lambda t: put(t, "claim_id", "c00008"),
    "decision_at: expected a value in every row, found 1 without": lambda t: put(t, "decision_at", None),
    "asked_amount: expected amounts from 0 on, found 1 below": lambda t: put(t, "asked_amount", Decimal("-1.00")),
    "payable_amount: expected at most asked_amount, found 1 above": lambda t: put(t, "payable_amount", Decimal(10**9)),
    "is_valid: expected nothing while resolved_at is empty, found 1 values": lambda t: put(t, "resolved_at", None),
    "resolved_at: expected nothing to be known before its case": lambda t: put(t, "resolved_at", datetime(2020, 1, 1)),  # noqa: DTZ001
    "signal: expected numbers, found infinity; a missing value is null": lambda t: put(t, "signal", float("inf")),
    "expected at least one column of a number that is a feature": lambda t: t.select(t.column_names[:8]),
}


@pytest.mark.parametrize(("message", "spoil"), SPOILT.items())
def test_a_mart_that_cannot_be_is_refused(tmp_path: Path, cases: Cases, spoil: Any, message: str) -> None:
    """The message names the file, the column, what was expected and what was found."""
    domain = a_domain()
    path = write_mart(tmp_path, domain, spoil(to_table(cases)))
    with pytest.raises(FeatureError) as caught:
        read_cases(domain, ASSESSMENT, tmp_path)
    assert f"{path.name}: {message}" in str(caught.value)


def test_what_is_read_is_what_is_there(tmp_path: Path, cases: Cases) -> None:
    """Order plays no part; text is no feature; a rate that is not declared counts as one."""
    domain, table = a_domain(), to_table(cases)
    write_mart(tmp_path, domain, table.take(np.random.default_rng(0).permutation(len(table))))
    found = read_cases(domain, ASSESSMENT, tmp_path)
    assert found.features == cases.features
    order = np.lexsort((cases.keys.astype(str), cases.decided))
    for name in ("keys", "decided", "known", "claimed", "payable", "rate", "valid", "matrix"):
        expected, value = getattr(cases.take(order), name), getattr(found, name)
        assert value.dtype == expected.dtype, name
        np.testing.assert_array_equal(value, expected)
    assert found.fingerprint() == cases.take(order).fingerprint()
    rateless = ASSESSMENT.model_copy(update={"rate": None})
    assert "rate" in read_cases(domain, rateless, tmp_path).features


def test_a_feature_that_is_gone_is_named(home: Home, cases: Cases) -> None:
    """A model takes its own features by name, whatever else the mart has."""
    home.train()
    write_mart(home.marts, home.domain, without(to_table(cases), "level"))
    with pytest.raises(RegistryError, match="takes features that the mart no longer has: level"):
        home.answer()


def test_what_is_not_there_is_told(home: Home, tmp_path: Path) -> None:
    """No such assessment, no mart, no version, no time zone."""
    with pytest.raises(ConfigError, match="declares no assessment of 'nobody'; declared: claim"):
        find_assessment(home.domain, "nobody")
    with pytest.raises(FeatureError, match=r"claim_cases\.parquet is missing; run `riskloom features build"):
        read_cases(home.domain, ASSESSMENT, tmp_path / "nowhere")
    with pytest.raises(RegistryError, match=r"no version 3 of .* known versions: none"):
        home.answer(version="3")
    with pytest.raises(RegistryError, match=r"expected a version such as 7, found '\.\./1'"):
        home.answer(version="../1")
    with pytest.raises(ConfigError, match="as_of needs a time zone"):
        home.answer(as_of=AS_OF.replace(tzinfo=None))


def test_an_open_case_without_a_claim_gets_nothing(home: Home, cases: Cases) -> None:
    """Where nothing is claimed nothing is payable; such cases are not learned from."""
    newest = np.flatnonzero(cases.valid < 0)[:1]
    write_mart(home.marts, home.domain, to_table(with_labels(cases, newest, claimed=0)))
    home.train()
    rows = {row["claim_id"]: row for row in pq.read_table(home.answer()["file"]).to_pylist()}
    row = rows[cases.keys[newest[0]]]
    assert (row["payable_low"], row["payable_amount"], row["payable_high"]) == (0, 0, 0)


def test_the_commands_say_the_same(tmp_path: Path, cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    """`riskloom assess` works on any domain that declares an assessment; a refusal has a code of its own."""
    domain = next(domain for domain in load_catalog().values() if domain.assessment)
    declared = domain.assessment[0]
    settings = Settings(home=tmp_path / "home")
    write_mart(settings.marts, domain, to_table(cases, declared), declared)
    monkeypatch.setenv("RISKLOOM_HOME", str(settings.home))
    names = [domain.name, declared.entity, "--as-of", AS_OF.isoformat()]
    said = CliRunner().invoke(build_app(), ["assess", "train", *names, "--json"], catch_exceptions=False)
    trained = json.loads(said.stdout)
    assert said.exit_code == (0 if trained["passed"] else GATE_REFUSED)
    arguments = ["assess", "run", *names, "--version", trained["version"]]
    said = CliRunner().invoke(build_app(), [*arguments, "--json"], catch_exceptions=False)
    assert said.exit_code == 0
    outcome = json.loads(said.stdout)
    assert set(outcome["outcomes"]) == set(declared.outcomes.names)
    words = CliRunner().invoke(build_app(), arguments, catch_exceptions=False).output
    assert f"{outcome['cases']:,} open cases of {declared.entity}, judged by version 1" in words
