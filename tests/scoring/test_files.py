"""Files that are scored: the scores of training, refused rows told apart, and nothing else changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.errors import ConfigError, ContractError, FeatureError
from riskloom.features import features_at, training_set
from riskloom.policy import CostPolicy
from riskloom.scoring import ScoreReport, files, score_files
from riskloom.training.rows import labelled_rows
from tests.scoring.conftest import Home

Score = Callable[..., ScoreReport]


@pytest.fixture
def score(home: Home, tmp_path: Path) -> Score:
    """Scores files into ``scores.parquet``."""
    built = home.built
    store = built.store()

    def features(events: pd.DataFrame) -> Mapping[str, Any]:
        return features_at(built.domain, built.views, store, events)

    def run(*paths: Path, **changes: Any) -> ScoreReport:
        usual: dict[str, Any] = {
            "features": features, "out": tmp_path / "scores.parquet", "observed_at": built.as_of,
            "scratch": tmp_path / "scratch", "jobs": 2, "pseudonym_key": home.pseudonym_key,
        }  # fmt: skip
        return score_files(built.domain, home.model, files=paths, **usual | changes)

    return run


def table_of(report: ScoreReport) -> pd.DataFrame:
    frame: pd.DataFrame = pq.read_table(report.out).to_pandas()
    return frame


def some(home: Home, path: Path, rows: int, *, spoilt: int | None = None) -> Path:
    """The first of the events as another file; of the row at the place ``spoilt`` the amount is no number."""
    amount, form = home.built.domain.subject.amount, "(FORMAT json)" if path.suffix == ".jsonl" else ""
    written = f"CASE WHEN nth = {spoilt} THEN 'much' ELSE {amount}::VARCHAR END"
    changed = "" if spoilt is None else f"REPLACE ({written} AS {amount})"
    source = "SELECT * RENAME (file_row_number AS nth) FROM read_parquet($landed, file_row_number = true)"
    duckdb.execute(
        f"COPY (SELECT * EXCLUDE (nth) {changed} FROM ({source} ORDER BY nth LIMIT {rows})) TO '{path}' {form}",  # noqa: S608
        {"landed": str(max(home.events, key=lambda each: each.stat().st_size))},
    )
    return path


def test_scores_are_those_of_training(home: Home, score: Score) -> None:
    """Each matured decision's score is what the model gives the row that training has of it, to the last bit."""
    built, key = home.built, home.built.domain.subject.key
    dataset = training_set(
        built.domain, built.views, built.store(), built.settings.marts,
        as_of=built.as_of, start=built.start, end=built.end,
    )  # fmt: skip
    rows = labelled_rows(built.domain, dataset.frame, home.model.manifest.feature_names)
    expected = dict(zip(dataset.frame[key], home.model.predict(rows.matrix), strict=True))
    scored = table_of(score(*home.events)).set_index(key)
    assert {name: scored.score[name] for name in expected} == expected
    assert len(expected) > 500
    assert scored.score.nunique() > 1
    decided = dataset.frame.set_index(key).decision_at.dt.tz_localize("UTC")
    assert (scored.decision_at[decided.index] == decided).all()


def test_every_row_is_there_in_order(home: Home, score: Score) -> None:
    """With its file, its number, the model's version and the policy's outcome."""
    built = home.built
    report = score(*home.events)
    scored, landed = table_of(report), pq.ParquetDataset([str(each) for each in home.events]).read().to_pandas()
    key, policy = built.domain.subject.key, CostPolicy(built.domain)
    assert scored[key].tolist() == landed[key].tolist()
    assert scored.row_number.tolist() == [n + 1 for each in home.events for n in range(pq.read_metadata(each).num_rows)]
    assert set(scored.model_version) == {home.model.version} == {report.model_version}
    amounts = landed[built.domain.subject.amount].astype(float).to_numpy()
    chosen = policy.choose_rows(scored.score.to_numpy(), amounts)
    assert scored.outcome.tolist() == [policy.names[place] for place in chosen]
    assert (report.scored, report.refused) == (len(landed), None)


def test_stretches_and_threads_change_nothing(
    home: Home, score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that does not fit into one stretch has the scores that it has in one, with any number of threads."""
    landed, large = pq.ParquetDataset([str(each) for each in home.events]).read(), tmp_path / "large.parquet"
    with pq.ParquetWriter(large, landed.schema) as writer:
        for _ in range(3):
            writer.write_table(landed)
    whole = table_of(score(large, jobs=1))
    monkeypatch.setattr(files, "ROWS_AT_ONCE", 2_048)
    report = score(large, jobs=3)
    pd.testing.assert_frame_equal(table_of(report), whole)
    assert pq.read_metadata(report.out).num_row_groups > 1


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_other_formats_score_alike(home: Home, score: Score, tmp_path: Path, suffix: str) -> None:
    """Text gives the scores that the same rows give as Parquet."""
    text, binary = some(home, tmp_path / f"few{suffix}", 40), some(home, tmp_path / "few.parquet", 40)
    assert table_of(score(text)).score.tolist() == table_of(score(binary)).score.tolist()


def test_rows_that_break_the_contract_are_told(home: Home, score: Score, tmp_path: Path) -> None:
    """By file, row and field; the others are scored, and a clean call takes the report away."""
    amount, bad = home.built.domain.subject.amount, some(home, tmp_path / "bad.csv", 9, spoilt=4)
    report = score(bad)
    assert report.refused is not None
    refused = pq.read_table(report.refused).to_pylist()
    assert [(row["file"], row["row_number"]) for row in refused] == [("bad.csv", 6)]
    assert [reason.partition(":")[0] for reason in refused[0]["reasons"]] == [amount]
    assert (len(table_of(report)), report.files[0].refused) == (8, 1)
    assert score(some(home, tmp_path / "good.csv", 3)).refused is None
    assert not report.refused.exists()


def test_a_file_that_cannot_be_read_changes_nothing(home: Home, score: Score, tmp_path: Path) -> None:
    """The scores of an earlier call stay, and nothing half written is left."""
    before = score(some(home, tmp_path / "good.csv", 3)).out.read_bytes()
    (tmp_path / "broken.parquet").write_bytes(b"no Parquet")
    with pytest.raises(ContractError, match=r"broken\.parquet"):
        score(some(home, tmp_path / "good.csv", 5), tmp_path / "broken.parquet")
    assert (tmp_path / "scores.parquet").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_pseudonyms_are_made_or_nothing_is_read(home: Home, score: Score, tmp_path: Path) -> None:
    """Without their key no file is scored: who is meant would stand in the scores, and no feature would be found."""
    with pytest.raises(ConfigError, match="pseudonyms"):
        score(*home.events, pseudonym_key=None)
    assert list(tmp_path.iterdir()) == []


def test_a_feature_that_is_gone_is_named(home: Home, score: Score) -> None:
    """A model is not scored with less than it takes."""
    gone = home.model.manifest.feature_names[0]
    with pytest.raises(FeatureError, match=gone):
        score(*home.events, features=lambda events: {"another": np.zeros(len(events))})


def test_the_command_scores_with_the_champion(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints the rows a second, changes nothing in the home, and with --strict says by its code that rows broke."""
    settings = home.built.settings
    monkeypatch.setenv("RISKLOOM_HOME", str(settings.home))
    bad = some(home, tmp_path / "bad.csv", 9, spoilt=4)
    before = contents(settings.home)
    command = ["score", home.built.domain.name, str(bad), "--out", str(tmp_path / "scores.parquet")]
    done = CliRunner().invoke(build_app(), command)
    assert done.exit_code == 0, done.output
    assert "rows/s" in done.output
    assert contents(settings.home) == before
    assert CliRunner().invoke(build_app(), [*command, "--strict", "--jobs", "1"]).exit_code == 1


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file of a home but what Feast touches when it is opened."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "feast" not in path.relative_to(folder).parts
    }
