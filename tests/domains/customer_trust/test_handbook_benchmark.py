"""The handbook benchmark: its protocol by hand, its features against pandas, the whole command on a small slice."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from riskloom.catalog import load_domain
from riskloom.cli import build_app
from riskloom.domains.customer_trust.benchmarks.handbook_protocol import baselines, folds, metrics, report, source
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.ablation import EVERYTHING, FAMILIES
from riskloom.domains.customer_trust.benchmarks.handbook_protocol.run import run, run_ablation
from riskloom.errors import ConfigError
from riskloom.settings import Settings

START = date(2018, 5, 30)
FOLD = folds.Fold(START)


def _rows(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Transactions from (day, card, is_fraud)."""
    frame = pd.DataFrame(rows, columns=["day", "customer_id", "is_fraud"])
    return frame.assign(day=pd.to_datetime(frame["day"]))


def test_a_fold_trains_seven_days_waits_seven_and_tests_seven() -> None:
    """The days of the fold that starts on 30 May."""
    assert (FOLD.train_end, FOLD.test_start, FOLD.test_end) == (date(2018, 6, 6), date(2018, 6, 13), date(2018, 6, 20))


def test_a_card_with_a_fraud_in_training_is_not_tested() -> None:
    """The label is known before the test begins; the card is gone from its first day."""
    rows = _rows(("2018-06-05", "a", 1), ("2018-06-13", "a", 1), ("2018-06-13", "b", 0), ("2018-06-19", "a", 0))
    assert folds.test_rows(rows, FOLD)["customer_id"].tolist() == ["b"]


def test_a_card_leaves_the_test_the_day_after_its_label_is_known() -> None:
    """A fraud on the first day after training is known seven days later and used from the day after that."""
    rows = _rows(("2018-06-06", "a", 1), *((f"2018-06-{day}", "a", 0) for day in range(13, 20)))
    assert folds.test_rows(rows, FOLD)["day"].dt.day.tolist() == [13]


def test_cards_stay_removed_once_they_are_known() -> None:
    """Knowledge adds up over the test days: a fraud of 8 June removes the card on 16 June and after."""
    rows = _rows(("2018-06-08", "a", 1), *((f"2018-06-{day}", "a", 0) for day in range(13, 20)))
    assert folds.test_rows(rows, FOLD)["day"].dt.day.tolist() == [13, 14, 15]


def test_frauds_before_training_or_too_late_remove_nothing() -> None:
    """The protocol forgets what lies before the training days, and cannot know what is younger than the delay."""
    rows = _rows(("2018-05-29", "a", 1), ("2018-06-12", "b", 1), ("2018-06-19", "a", 0), ("2018-06-19", "b", 1))
    assert folds.test_rows(rows, FOLD)["customer_id"].tolist() == ["a", "b"]


def test_without_any_fraud_all_test_rows_count() -> None:
    """Nothing is known, nothing is removed."""
    assert len(folds.test_rows(_rows(("2018-06-13", "a", 0), ("2018-06-20", "b", 0)), FOLD)) == 1


def test_card_precision_ranks_cards_by_their_highest_score_and_divides_by_k() -> None:
    """Of the two best cards a (0.9, honest) and b (0.8, a fraud with a lower score of its own) one is compromised."""
    rows = _rows(("2018-06-13", "a", 0), ("2018-06-13", "b", 0), ("2018-06-13", "b", 1), ("2018-06-13", "c", 1))
    scores = np.array([0.9, 0.8, 0.1, 0.2])
    assert metrics.card_precision(rows, scores, top_k=2) == 0.5
    assert metrics.card_precision(rows, scores, top_k=100) == pytest.approx(0.02)


def test_a_detected_card_leaves_the_pool() -> None:
    """Day one finds a; on day two only b (honest) is left, so day two yields nothing."""
    rows = _rows(("2018-06-13", "a", 1), ("2018-06-14", "a", 1), ("2018-06-14", "b", 0))
    assert metrics.card_precision(rows, np.array([0.9, 0.9, 0.1]), top_k=1) == 0.5


def test_an_undetected_card_stays_in_the_pool() -> None:
    """Day one ranks b first and misses a; day two finds a."""
    rows = _rows(("2018-06-13", "a", 1), ("2018-06-13", "b", 0), ("2018-06-14", "a", 1))
    assert metrics.card_precision(rows, np.array([0.1, 0.9, 0.5]), top_k=1) == 0.5


def test_a_test_week_of_one_class_has_no_figures() -> None:
    """No AUC is invented where it is not defined."""
    with pytest.raises(ConfigError, match="both honest and fraudulent"):
        metrics.measure(_rows(("2018-06-13", "a", 0)), np.array([0.5]))


def test_settings_are_chosen_on_folds_that_ended_before_the_test_labels_delay() -> None:
    """Each validation week's labels, seven days late, are known when the first test begins."""
    chosen = folds.validation_folds(FOLD, date(2018, 4, 28))
    assert [fold.start for fold in chosen] == [date(2018, 5, 2), date(2018, 5, 9), date(2018, 5, 16)]
    assert all((FOLD.test_start - fold.test_end).days >= folds.DELAY_DAYS for fold in chosen)
    with pytest.raises(ConfigError, match="found data from 2018-05-17"):
        folds.validation_folds(FOLD, date(2018, 5, 17))


@pytest.mark.parametrize("text", ["", "yesterday", "2018-05-30,2018-05-30", "2018-13-01"])
def test_starts_that_are_no_dates_are_refused(text: str) -> None:
    """The message shows what was given."""
    with pytest.raises(ConfigError, match="--starts: expected"):
        folds.parse_starts(text)


def test_folds_outside_the_data_are_refused() -> None:
    """The message says which days the fold needs and which there are."""
    with pytest.raises(ConfigError, match=r"from 2018-05-30 to 2018-06-19.*found data from 2018-04-01 to 2018-06-18"):
        folds.check_folds([FOLD], date(2018, 4, 1), date(2018, 6, 18))
    folds.check_folds([FOLD], START, date(2018, 6, 19))


def _write(path: Path, **columns: object) -> Path:
    rows = {
        "TRANSACTION_ID": [0, 1],
        "TX_DATETIME": pd.to_datetime(["2018-04-01 00:00:31", "2018-04-01 00:02:10"]),
        "CUSTOMER_ID": [596, 4961],
        "TERMINAL_ID": [3156, 3412],
        "TX_AMOUNT": [57.16, 81.51],
        "TX_FRAUD": [0, 0],
    }
    frame = pd.DataFrame({**rows, **columns})
    frame.drop(columns=[name for name, value in columns.items() if value is None]).to_parquet(path)
    return path


def test_a_missing_directory_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    """The option and the directory are named."""
    with pytest.raises(ConfigError, match=r"--data: .*nowhere"):
        source.find_files(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"\*\.parquet.*found none"):
        source.find_files(tmp_path)


def test_a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    """The message names the file and the columns it lacks."""
    _write(tmp_path / "a.parquet")
    _write(tmp_path / "b.parquet", TX_AMOUNT=None, TX_FRAUD=None)
    with pytest.raises(ConfigError, match=r"b\.parquet: .*missing: TX_AMOUNT, TX_FRAUD"):
        source.find_files(tmp_path)


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    """A renamed CSV is called what it is."""
    (tmp_path / "a.parquet").write_text("TRANSACTION_ID,TX_DATETIME\n")
    with pytest.raises(ConfigError, match="expected a Parquet file"):
        source.find_files(tmp_path)


def test_repeated_transactions_and_missing_values_are_refused(tmp_path: Path) -> None:
    """Counted over all files together."""
    first = _write(tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match="found 2 rows that repeat"):
        source.read_transactions((first, _write(tmp_path / "b.parquet")))
    with pytest.raises(ConfigError, match="found 1 rows without"):
        source.read_transactions((_write(tmp_path / "c.parquet", TX_AMOUNT=[None, 1.0]),))


def _random_transactions(seed: int, rows: int) -> pd.DataFrame:
    """Few cards, terminals and instants, so that ties and window edges are common."""
    random = np.random.default_rng(seed)
    hours = np.sort(random.integers(0, 24 * 50, rows))
    return pd.DataFrame(
        {
            "TRANSACTION_ID": np.arange(rows),
            "TX_DATETIME": pd.Timestamp("2018-04-01") + pd.to_timedelta(hours, unit="h"),
            "CUSTOMER_ID": random.integers(0, 5, rows),
            "TERMINAL_ID": random.integers(0, 4, rows),
            "TX_AMOUNT": random.uniform(1, 100, rows).round(2),
            "TX_FRAUD": (random.random(rows) < 0.2).astype(int),
        }
    )


def test_features_equal_the_handbooks_rolling_windows(tmp_path: Path) -> None:
    """Every window of every card and terminal is what pandas' time-based rolling windows give, ties included."""
    raw = _random_transactions(7, 1500)
    raw.to_parquet(tmp_path / "a.parquet")
    ours = source.read_transactions(source.find_files(tmp_path)).set_index("transaction_id")
    for _, rows in raw.groupby("CUSTOMER_ID"):
        amounts, got = rows.set_index("TX_DATETIME")["TX_AMOUNT"], ours.loc[rows["TRANSACTION_ID"].astype(str).tolist()]
        for days in (1, 7, 30):
            window = amounts.rolling(f"{days}D")
            np.testing.assert_array_equal(got[f"customer_count_{days}d"], window.count())
            np.testing.assert_allclose(got[f"customer_average_{days}d"], window.mean())
    for _, rows in raw.groupby("TERMINAL_ID"):
        frauds, got = rows.set_index("TX_DATETIME")["TX_FRAUD"], ours.loc[rows["TRANSACTION_ID"].astype(str).tolist()]
        for days in (1, 7, 30):
            count = frauds.rolling(f"{days + 7}D").count() - frauds.rolling("7D").count()
            total = frauds.rolling(f"{days + 7}D").sum() - frauds.rolling("7D").sum()
            np.testing.assert_array_equal(got[f"terminal_count_{days}d"], count)
            np.testing.assert_allclose(got[f"terminal_risk_{days}d"], (total / count).fillna(0), atol=1e-12)


def test_night_and_weekend_are_the_handbooks(tmp_path: Path) -> None:
    """Night lasts through the hour of six; Saturday and Sunday are the weekend."""
    times = pd.to_datetime(["2018-05-05 06:59:59", "2018-05-07 07:00:00"])
    _write(tmp_path / "a.parquet", TX_DATETIME=times)
    rows = source.read_transactions(source.find_files(tmp_path))
    assert rows[["is_night", "is_weekend"]].to_numpy().tolist() == [[1, 1], [0, 0]]


def test_balanced_bagging_finds_a_rare_class_and_repeats_itself() -> None:
    """One fraud in a hundred, told by one column: ranked on top, and the same scores again."""
    random = np.random.default_rng(3)
    matrix = random.normal(size=(2000, 3))
    labels = (matrix[:, 1] > np.quantile(matrix[:, 1], 0.99)).astype("int8")
    scores = baselines.balanced_bagging(matrix, labels, matrix)
    assert scores[labels == 1].min() > scores[labels == 0].mean() + 0.5
    np.testing.assert_array_equal(scores, baselines.balanced_bagging(matrix, labels, matrix))


def _simulated_transactions(days: int, cards: int, seed: int) -> pd.DataFrame:
    """Cards with habits of their own; large amounts and one terminal a month are fraudulent, mostly."""
    random = np.random.default_rng(seed)
    rows = days * cards * 3
    seconds = np.sort(random.integers(0, days * 86_400, rows))
    card, terminal = random.integers(0, cards, rows), random.integers(0, 40, rows)
    amounts = random.gamma(4.0, 5.0 + card % 7)
    is_large, is_bad_terminal = random.random(rows) < 0.01, terminal == seconds // (28 * 86_400)
    amounts[is_large] *= 8
    is_fraud = (is_large & (random.random(rows) < 0.8)) | (is_bad_terminal & (random.random(rows) < 0.5))
    return pd.DataFrame(
        {
            "TRANSACTION_ID": np.arange(rows),
            "TX_DATETIME": pd.Timestamp("2018-04-01") + pd.to_timedelta(seconds, unit="s"),
            "CUSTOMER_ID": card,
            "TERMINAL_ID": terminal,
            "TX_AMOUNT": amounts.round(2),
            "TX_FRAUD": is_fraud.astype(int),
            "TX_FRAUD_SCENARIO": np.where(is_fraud, 1, 0),
        }
    )


@pytest.mark.slow
def test_the_whole_benchmark_runs_over_the_spine(tmp_path: Path, settings: Settings) -> None:
    """Two files of generated data, one fold: ours is scored through the spine beside every baseline."""
    data = tmp_path / "data"
    data.mkdir()
    transactions = _simulated_transactions(days=70, cards=120, seed=5)
    transactions[:9000].to_parquet(data / "a.parquet")
    transactions[9000:].to_parquet(data / "b.parquet")
    domain = load_domain("customer_trust")
    small = domain.model_copy(
        update={"training": domain.training.model_copy(update={"candidates": ("lightgbm",), "trials": 1})}
    )
    result = run(small, settings, data, "2018-05-16", lambda _text: None)
    found = json.loads(json.dumps(report.to_json(result)))

    figures = {"auc", "average_precision", "card_precision_100"}
    assert set(found["mean"]) == figures
    assert set(found["baselines"]) == {"random_forest", "xgboost_tuned", "balanced_bagging"}
    assert all(0 <= value <= 1 for each in found["baselines"].values() for value in each.values())
    (fold,) = found["folds"]
    assert {name: fold[name] for name in figures} == found["mean"]
    assert set(fold["baselines"]) == set(found["baselines"])
    assert fold["model"]["judged_until"] == "2018-05-23", "the label of 23 May matures when the test has begun"
    tested = folds.test_rows(source.read_transactions(source.find_files(data)), folds.Fold(date(2018, 5, 16)))
    assert (fold["rows"], fold["frauds"]) == (len(tested), tested["is_fraud"].sum())
    assert found["mean"]["auc"] > 0.6, "large amounts and bad terminals can be seen"
    assert report.to_table(result).row_count == 8

    without = run_ablation(small, settings, data, "2018-05-16", lambda _text: None)
    assert set(without) == {EVERYTHING, *FAMILIES}
    assert all(without[family] != without[EVERYTHING] for family in FAMILIES), "a family that leaves nothing out"
    assert set(report.ablation_json(without)["ablation"][EVERYTHING]) == figures
    assert report.ablation_table(without).row_count == len(without)


def test_the_command_reads_no_scenario(tmp_path: Path) -> None:
    """How a fraud was simulated is told by a column of the file, and no column that is read."""
    _write(tmp_path / "a.parquet", TX_FRAUD_SCENARIO=[1, 2])
    rows = source.read_transactions(source.find_files(tmp_path))
    assert not [name for name in rows.columns if "scenario" in name.lower()]
    mappings = load_domain("customer_trust").folder / "mappings"
    assert all("TX_FRAUD_SCENARIO" not in path.read_text() for path in mappings.glob("handbook_*.toml"))


def test_the_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    """The command is found by name, and refuses a directory that is not there with the option's name."""
    result = CliRunner().invoke(
        build_app(), ["benchmark", "handbook", "--data", str(tmp_path / "no"), "--starts", "2018-05-30"]
    )
    assert isinstance(result.exception, ConfigError)
    assert "--data" in str(result.exception)
