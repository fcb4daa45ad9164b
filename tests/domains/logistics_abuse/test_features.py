"""The features a model learns from: none of them alone tells abuse from honest bad luck."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from riskloom.features.request import request_features
from riskloom.features.views import load_views
from riskloom.wiring import dbt_project
from tests.domains.logistics_abuse.conftest import History

_MOST = 0.95


def training_rows(history: History) -> pd.DataFrame:
    """Decisions with the views' values at their instant, and whether abuse was found by the end of the history."""
    rows = history.mart("subjects")
    for view in load_views(history.domain, dbt_project(history.settings).manifest):
        values = history.mart(view.mart.removeprefix(f"{history.domain.name}__")).drop(columns="created_timestamp")
        rows = rows.merge(
            values,
            how="left",
            left_on=[view.join_key, "decision_at"],
            right_on=[view.join_key, "event_timestamp"],
            validate="many_to_one",
        ).drop(columns="event_timestamp")
    newest = history.mart("labels").sort_values("observed_at").drop_duplicates("concession_id", keep="last")
    found = rows["concession_id"].map(newest.set_index("concession_id")["is_positive"])
    matured = pd.Timestamp(history.plan.end).tz_localize(None) - history.domain.label.maturity
    rows = rows.assign(is_positive=found.eq(other=True).to_numpy(np.bool_))
    return rows[rows["decision_at"] < matured].reset_index(drop=True)


def test_no_feature_alone_separates(history: History) -> None:
    """Neither a windowed feature nor one of the request ranks abuse above honesty with an AUC of 0.95."""
    rows = training_rows(history)
    label = rows.pop("is_positive").to_numpy()
    assert label.sum() > 100
    known = set(history.domain.event_table.columns) | {"decision_at"}
    windowed = {str(name): rows[name].to_numpy(np.float64) for name in rows if name not in known}
    asked = request_features(history.domain, {**_as_asked(history, rows), **windowed})
    assert len(windowed) > 100
    for name, values in {**windowed, **asked}.items():
        assert np.isfinite(values).any(), name
        auc = roc_auc_score(label, np.nan_to_num(values, nan=-1.0))
        assert max(auc, 1 - auc) < _MOST, f"{name}: {auc:.3f}"


def _as_asked(history: History, rows: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """The request's own columns as the domain's code takes them."""
    columns: dict[str, NDArray[Any]] = {}
    for name, column in history.domain.event_table.columns.items():
        if column.type == "timestamp":
            columns[name] = rows[name].to_numpy("datetime64[us]").astype(np.int64)
        elif column.type == "string":
            columns[name] = rows[name].astype(object).where(rows[name].notna(), None).to_numpy()
        else:
            columns[name] = rows[name].to_numpy(np.float64)
    return columns
