"""From windows of decisions to a verdict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from riskloom.catalog import Domain
from riskloom.errors import ConfigError
from riskloom.monitoring.assessment import NO_CHAMPION, Assessment, assess
from riskloom.monitoring.frames import LABEL, SCORE, Decisions, MonitoredWindows
from riskloom.registry import LoadedModel
from tests.monitoring.conftest import AS_OF, FEATURES

Frames = Callable[..., pd.DataFrame]
Put = Callable[..., Decisions]


@pytest.fixture
def judge(domain: Domain, model: LoadedModel, make_frame: Frames, window: Put) -> Callable[..., Assessment]:
    """Assesses a current frame beside a reference of four thousand rows."""

    def run(
        current: pd.DataFrame, *, matured: Decisions | None = None, champion: LoadedModel | None = model, seed: int = 0
    ) -> Assessment:
        reference = window(make_frame(4_000, seed=1_000 + seed), days_before=14)
        windows = MonitoredWindows(FEATURES, reference, window(current), matured)
        return assess(domain, windows, model=champion, as_of=AS_OF, seed=seed)

    return run


@pytest.mark.parametrize("seed", range(8))
def test_the_same_behaviour_is_ok(judge: Callable[..., Assessment], make_frame: Frames, seed: int) -> None:
    """Decisions like those of the reference give no finding, with any seed."""
    verdict = judge(make_frame(3_000, seed=seed), seed=seed).verdict
    assert (verdict.status, verdict.reasons) == ("ok", ())
    assert verdict.compared_columns == len(FEATURES) + 1


@pytest.mark.parametrize("seed", range(3))
def test_drift_is_an_alarm(judge: Callable[..., Assessment], make_frame: Frames, seed: int) -> None:
    """When every feature moves, the verdict is an alarm that names the furthest, and the scores' move is told too."""
    verdict = judge(make_frame(3_000, seed=seed, shift=0.4), seed=seed).verdict
    assert verdict.status == "alarm"
    assert verdict.drifted_share == 1
    assert verdict.drifted[0].column in verdict.reasons[0]
    assert verdict.score_drift is not None
    assert any(reason.startswith("scores moved") for reason in verdict.reasons)


def test_one_drifted_feature_is_told_not_alarmed(judge: Callable[..., Assessment], make_frame: Frames) -> None:
    """A feature the model does not use moves alone: it is listed, and the status stays ok."""
    current = make_frame(3_000, seed=5)
    current[FEATURES[-1]] += 1
    verdict = judge(current).verdict
    assert [drift.column for drift in verdict.drifted] == [FEATURES[-1]]
    assert verdict.status == "ok"


def test_an_empty_window_is_an_alarm(judge: Callable[..., Assessment], make_frame: Frames) -> None:
    """No decision in the window: an alarm that says so, and nothing is compared."""
    verdict = judge(make_frame(0, seed=0)).verdict
    assert verdict.status == "alarm"
    assert verdict.reasons == ("no decision in the window",)
    assert (verdict.rows, verdict.compared_columns, verdict.drifted_share) == (0, 0, 0.0)


def test_an_empty_reference_is_a_warning(domain: Domain, model: LoadedModel, make_frame: Frames, window: Put) -> None:
    """With nothing to compare with, the verdict warns and does not call that no drift."""
    windows = MonitoredWindows(
        FEATURES, window(make_frame(0, seed=0), days_before=14), window(make_frame(500, seed=0)), None
    )
    verdict = assess(domain, windows, model=model, as_of=AS_OF, seed=0).verdict
    assert verdict.status == "warn"
    assert "no column could be compared" in verdict.reasons[0]


def test_without_a_champion_there_are_no_scores(judge: Callable[..., Assessment], make_frame: Frames) -> None:
    """Features are compared all the same; performance is missing and the reason is given."""
    verdict = judge(make_frame(3_000, seed=3), champion=None).verdict
    assert verdict.model_version is None
    assert verdict.compared_columns == len(FEATURES)
    assert (verdict.performance, verdict.performance_missing) == (None, NO_CHAMPION)


def test_matured_decisions_are_measured(judge: Callable[..., Assessment], make_frame: Frames, window: Put) -> None:
    """Labels that have matured give figures; a model with true scores is calibrated."""
    verdict = judge(make_frame(3_000, seed=3), matured=window(make_frame(5_000, seed=4), days_before=7)).verdict
    assert verdict.performance is not None
    assert verdict.performance_missing is None
    assert verdict.performance.rows == 5_000
    assert verdict.performance.calibration_error < 0.03
    assert verdict.performance.roc_auc > 0.75


@pytest.mark.parametrize(("label", "expected"), [(None, "has a matured label"), (0, "no positive"), (1, "no negative")])
def test_nothing_to_measure_is_said(
    judge: Callable[..., Assessment], make_frame: Frames, window: Put, label: int | None, expected: str
) -> None:
    """No matured decision, or only one kind of truth: no figure, and the reason."""
    frame = make_frame(400, seed=4)
    matured = None if label is None else window(frame.assign(**{LABEL: np.int8(label)}), days_before=7)
    verdict = judge(make_frame(3_000, seed=3), matured=matured).verdict
    assert verdict.performance is None
    assert verdict.performance_missing is not None
    assert expected in verdict.performance_missing


def test_a_model_worse_than_none_is_an_alarm(judge: Callable[..., Assessment], make_frame: Frames, window: Put) -> None:
    """Scores that say nothing, and speak of far more bad subjects than there are: an alarm in money."""
    frame = make_frame(4_000, seed=4)
    shuffled = frame.assign(**{LABEL: np.random.default_rng(0).permutation(np.arange(len(frame)) < 10).astype(int)})
    equal = shuffled.assign(**{column: 200.0 for column in shuffled.columns if column not in (*FEATURES, LABEL)})
    verdict = judge(make_frame(3_000, seed=3), matured=window(equal, days_before=7)).verdict
    assert verdict.status == "alarm"
    assert any("costs more than it saves" in reason for reason in verdict.reasons)


def test_a_feature_may_not_be_called_score(domain: Domain, model: LoadedModel, make_frame: Frames, window: Put) -> None:
    """The score's name is taken; a feature of that name is refused by name."""
    put = window(make_frame(10, seed=0).assign(**{SCORE: 0.0}))
    with pytest.raises(ConfigError, match=SCORE):
        assess(domain, MonitoredWindows((SCORE,), put, put, None), model=model, as_of=AS_OF, seed=0)


def test_the_same_windows_give_the_same_verdict(judge: Callable[..., Assessment], make_frame: Frames) -> None:
    """Sampling is seeded: two runs agree to the byte."""
    verdicts = [judge(make_frame(6_000, seed=3)).verdict.model_dump_json() for _ in range(2)]
    assert verdicts[0] == verdicts[1]
