"""Training sets: every decision once, with what was known then and what is known now."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from riskloom.errors import FeatureError, LeakageError
from riskloom.features import TrainingSet, mart_path, training_set
from riskloom.features.store import apply
from tests.features.conftest import Built


def joined(built: Built, marts: Path | None = None, **times: Any) -> TrainingSet:
    """The training set of all matured decisions."""
    wanted = {"as_of": built.as_of, "start": built.start, "end": built.end} | times
    return training_set(built.domain, built.views, built.store(), marts or built.settings.marts, **wanted)


@pytest.fixture(scope="module")
def whole(built: Built) -> TrainingSet:
    """All matured decisions."""
    return joined(built)


def test_every_decision_is_there_once_and_in_order(built: Built, whole: TrainingSet) -> None:
    """The rows are the decisions of the range, by decision time and key; nothing is dropped or doubled."""
    key = built.domain.subject.key
    wanted = duckdb.execute(
        f"""select {key} from read_parquet($path) where decision_at >= $start and decision_at < $end
            order by decision_at, {key}""",  # noqa: S608 - the test's own names
        {
            "path": str(built.mart("subjects")),
            "start": built.start.replace(tzinfo=None),
            "end": built.end.replace(tzinfo=None),
        },
    ).fetchall()
    assert list(whole.frame[key]) == [row[0] for row in wanted]
    assert len(wanted) > 500


def test_the_columns_are_the_agreed_ones(built: Built, whole: TrainingSet) -> None:
    """Trainers find key, group, amount, times and label with their types, and every feature as float64."""
    subject, types = built.domain.subject, whole.frame.dtypes
    names = [name for view in built.views for name in view.features] + list(built.domain.request_features)
    assert whole.features == tuple(names)
    assert {subject.key, subject.group, subject.amount} <= set(whole.frame.columns)
    assert types["label"] == np.int8
    assert types["decision_at"] == types["label_observed_at"] == np.dtype("datetime64[us]")
    assert all(types[name] == np.float64 for name in (*whole.features, subject.amount))


def test_features_are_those_of_the_newest_row_at_the_decision(built: Built, whole: TrainingSet) -> None:
    """Feast's join gives exactly what a hand-written search for the newest earlier row gives."""
    key = built.domain.subject.key
    for view in built.views:
        names = ", ".join(f"newest.{name}" for name in view.features)
        expected = duckdb.execute(
            f"""
            select subjects.{key}, {names}
            from read_parquet($subjects) as subjects
            left join lateral (
                select * from read_parquet($view) as seen
                where seen.{view.join_key} = subjects.{view.join_key}
                    and seen.event_timestamp <= subjects.decision_at
                    and seen.created_timestamp <= subjects.decision_at
                    and seen.event_timestamp >= subjects.decision_at - $ttl
                order by seen.event_timestamp desc, seen.created_timestamp desc
                limit 1
            ) as newest on true
            """,  # noqa: S608
            {"subjects": str(built.mart("subjects")), "view": str(built.mart(view.name)), "ttl": view.ttl},
        ).df()
        expected = expected.set_index(key).astype(np.float64).loc[whole.frame[key]]
        for name in view.features:
            np.testing.assert_array_equal(whole.frame[name].to_numpy(), expected[name].to_numpy(), err_msg=name)


def test_a_value_that_was_computed_later_is_not_used(built: Built, whole: TrainingSet, tmp_path: Path) -> None:
    """Values that hold at a decision but were made after it do not take part: nobody could have known them."""
    marts = tmp_path / "marts"
    shutil.copytree(built.settings.marts, marts)
    view = built.views[0]
    late = pd.read_parquet(built.mart(view.name))
    late["created_timestamp"] += timedelta(days=365)
    late.to_parquet(mart_path(marts, built.domain, view.name))
    store = built.store()
    apply(store, built.domain, built.views, marts)
    try:
        found = training_set(
            built.domain, built.views, store, marts, as_of=built.as_of, start=built.start, end=built.end
        )
    finally:
        apply(store, built.domain, built.views, built.settings.marts)
    assert found.frame[list(view.features)].isna().all(axis=None)
    assert not whole.frame[list(view.features)].isna().all(axis=None)
    other = [name for item in built.views[1:] for name in item.features]
    pd.testing.assert_frame_equal(found.frame[other], whole.frame[other])


def test_labels_are_those_known_at_the_time(built: Built, whole: TrainingSet, tmp_path: Path) -> None:
    """The newest statement observed before as_of holds; one observed at as_of is not known; silence means no."""
    key, as_of = built.domain.subject.key, built.as_of.replace(tzinfo=None)
    decided = whole.frame.sort_values("decision_at")
    corrected, unknown, silent, twice = decided[key].iloc[[0, 1, 2, 3]]
    moment = timedelta(microseconds=1)
    statements = pd.DataFrame(
        [
            (corrected, True, as_of - 3 * moment),
            (corrected, False, as_of - moment),
            (unknown, True, as_of),
            (twice, False, as_of - 2 * moment),
            (twice, True, as_of - moment),
        ],
        columns=[key, "is_positive", "observed_at"],
    ).assign(effective_at=as_of)
    marts = tmp_path / "marts"
    shutil.copytree(built.settings.marts, marts)
    statements.to_parquet(mart_path(marts, built.domain, "labels"))
    frame = joined(built, marts).frame.set_index(key)
    assert frame["label"].to_dict() == dict.fromkeys(frame.index, 0) | {twice: 1}
    assert frame["label_observed_at"][corrected] == as_of - moment
    matured = frame["decision_at"] + built.domain.label.maturity
    for name in (unknown, silent):
        assert frame["label_observed_at"][name] == matured[name]
    assert (frame["label_observed_at"] < as_of).all()


def test_the_simulated_history_has_both_classes(whole: TrainingSet) -> None:
    """What follows from here has something to learn from."""
    assert 0 < whole.frame["label"].mean() < 0.5


def test_a_label_that_has_not_matured_is_refused(built: Built) -> None:
    """One microsecond past the last matured decision is too late."""
    with pytest.raises(LeakageError, match="mature at"):
        joined(built, end=built.end + timedelta(microseconds=1))


def test_a_range_without_decisions_is_refused(built: Built) -> None:
    """An empty training set is a mistake of whoever asked for it."""
    with pytest.raises(FeatureError, match="no decision from 2020"):
        joined(built, start=built.start.replace(year=2020), end=built.end.replace(year=2020))
    with pytest.raises(FeatureError, match="is not before end"):
        joined(built, start=built.end, end=built.end)


def test_times_say_their_zone(built: Built) -> None:
    """A time without zone could be anybody's."""
    with pytest.raises(FeatureError, match="timezone-aware"):
        training_set(
            built.domain,
            built.views,
            built.store(),
            built.settings.marts,
            as_of=built.as_of.replace(tzinfo=None),
            start=built.start.replace(tzinfo=None),
            end=built.end.replace(tzinfo=None),
        )


def test_a_missing_mart_is_named(built: Built, tmp_path: Path) -> None:
    """Before the first build the message says what to run."""
    with pytest.raises(FeatureError, match=r"__subjects\.parquet is missing; run `riskloom features build`"):
        joined(built, tmp_path)


class _Forgetful:
    """A store whose join loses the last row."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def get_historical_features(self, **request: Any) -> Any:
        """All rows but the last."""
        self._job = self._store.get_historical_features(**request)
        return self

    def to_arrow(self) -> Any:
        """The rows that were not lost."""
        table = self._job.to_arrow()
        return table.slice(0, table.num_rows - 1)


def test_a_join_that_loses_a_row_is_refused(built: Built) -> None:
    """A store that drops decisions silently is found out."""
    with pytest.raises(FeatureError, match="it lost 1 and doubled 0"):
        training_set(
            built.domain,
            built.views,
            _Forgetful(built.store()),
            built.settings.marts,
            as_of=built.as_of,
            start=built.start,
            end=built.end,
        )
