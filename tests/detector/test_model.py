"""The detector ranks what is unusual first, says how rare it is and why, on any shape of data."""

from __future__ import annotations

import numpy as np
import pytest

from riskloom.detector import Detector, fit_detector, to_bytes
from riskloom.detector.references import FloatArray
from riskloom.errors import DetectorError
from riskloom.metrics import Ranking


def usual(rows: int, *, seed: int = 1) -> FloatArray:
    """Six features of very different scales: two go together, one is skewed, one counts, one is mostly zero."""
    random = np.random.default_rng(seed)
    first = random.normal(0, 1, rows)
    return np.column_stack(
        [
            first,
            1e6 * (first + 0.1 * random.normal(0, 1, rows)),
            random.lognormal(0, 1.5, rows),
            random.poisson(3, rows),
            random.random(rows) < 0.02,
            1e-6 * random.normal(0, 1, rows),
        ]
    )


def unusual(rows: int, *, seed: int = 2) -> FloatArray:
    """Rows whose second feature does not go with the first, nor the sixth with anything."""
    matrix = usual(rows, seed=seed)
    matrix[:, 1] *= -1
    matrix[:, 5] += 5e-6
    return matrix


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Fitted on three thousand usual rows."""
    return fit_detector(usual(3_000), seed=0)


@pytest.mark.parametrize("is_clean", [False, True])
def test_unusual_rows_rank_first_whatever_the_scales(is_clean: bool) -> None:
    """Also where a twentieth of the training rows is of the same unusual kind."""
    train = usual(3_000) if is_clean else np.vstack([usual(2_850), unusual(150, seed=9)])
    fitted = fit_detector(train, seed=0, is_clean=is_clean)
    rows = np.vstack([usual(1_000, seed=3), unusual(100, seed=4)])
    labels = np.repeat([0, 1], [1_000, 100])
    assert Ranking(labels, fitted.score(rows)).roc_auc()[0] > 0.9


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    """Nothing but rows and seed plays a part."""
    rows = usual(500)
    assert to_bytes(fit_detector(rows, seed=3)) == to_bytes(fit_detector(rows.copy(), seed=3))
    assert to_bytes(fit_detector(rows, seed=3)) != to_bytes(fit_detector(rows, seed=4))


def test_units_do_not_matter(detector: Detector) -> None:
    """Other units and offsets of the features leave every score as it was."""
    factor, offset = np.array([3.0, 1e-3, 7.0, 2.0, 5.0, 1e9]), np.array([1.0, -2.0, 5.0, 0.0, 1.0, 3.0])
    other = fit_detector(usual(3_000) * factor + offset, seed=0)
    rows = usual(200, seed=6)
    np.testing.assert_allclose(other.score(rows * factor + offset), detector.score(rows), atol=0.02)


def test_one_in_n_holds_on_rows_it_has_not_seen(detector: Detector) -> None:
    """Of new usual rows a tenth, a hundredth and a thousandth are as unusual as one in ten, hundred, thousand."""
    found = detector.tail_probability(usual(20_000, seed=7))
    assert (found <= 0.1).mean() == pytest.approx(0.1, rel=0.15)
    assert (found <= 0.01).mean() == pytest.approx(0.01, rel=0.4)
    assert (found <= 0.001).mean() == pytest.approx(0.001, rel=0.8)
    assert found.min() > 0


def test_few_rows_of_many_features_are_calibrated_too() -> None:
    """A row is scored as if it had been no part of the fit: with more features than rows that is what counts."""
    random = np.random.default_rng(8)
    fitted = fit_detector(random.normal(0, 1, (60, 100)), seed=0, is_clean=True)
    assert 0.01 < (fitted.tail_probability(random.normal(0, 1, (2_000, 100))) <= 0.1).mean() < 0.3


def test_the_threshold_is_where_the_tail_says(detector: Detector) -> None:
    """The score at a quantile has that tail probability, within the data and beyond them."""
    for quantile in (0.5, 0.95, 0.999, 0.999_999):
        assert detector.tail.probability(np.array([detector.threshold(quantile)]))[0] == pytest.approx(
            1 - quantile, rel=1e-6
        )


def test_contributions_add_up_and_name_the_cause(detector: Detector) -> None:
    """Each row's contributions sum to its score; the feature that was moved contributes most."""
    rows = usual(50, seed=5)
    np.testing.assert_allclose(detector.contributions(rows).sum(axis=1), detector.score(rows), atol=1e-9)
    moved = usual(20, seed=6)
    moved[:, 5] = 30e-6
    assert (detector.contributions(moved).argmax(axis=1) == 5).all()


def test_missing_values_say_nothing_unless_being_missing_is_rare() -> None:
    """Missing like the training rows is usual; missing what is hardly ever missing stands out, and is the reason."""
    rows = usual(2_000)
    random = np.random.default_rng(3)
    rows[random.random(2_000) < 0.4, 0] = np.nan
    rows[random.random(2_000) < 0.002, 3] = np.nan
    fitted = fit_detector(rows, seed=0)
    often, rarely = usual(50, seed=4), usual(50, seed=4)
    often[:, 0], rarely[:, 3] = np.nan, np.nan
    plain = np.median(fitted.score(usual(50, seed=4)))
    assert np.median(fitted.score(often)) - plain < 1
    assert np.median(fitted.score(rarely)) > plain + 1
    explained = fitted.contributions(rarely)
    assert explained.shape == (50, 6)
    assert (explained.argmax(axis=1) == 3).mean() > 0.9
    assert np.isfinite(fitted.score(np.full((1, 6), np.nan))).all()


def test_a_constant_that_changes_stands_out() -> None:
    """What never varied in training is evidence when it does; a column without any value is not."""
    rows = np.column_stack([usual(1_000), np.full(1_000, 7.0), np.full(1_000, np.nan)])
    fitted = fit_detector(rows, seed=0)
    changed = np.column_stack([usual(20, seed=2), np.full(20, 8.0), np.full(20, np.nan)])
    assert np.median(fitted.tail_probability(changed)) < 0.03
    assert (fitted.contributions(changed).argmax(axis=1) == 6).mean() > 0.9
    nothing = fit_detector(np.ones((50, 2)), seed=0)
    assert nothing.score(np.array([[1.0, 2.0]]))[0] > nothing.score(np.ones((1, 2)))[0]


def test_huge_and_infinite_values_are_very_unusual_numbers(detector: Detector) -> None:
    """Nothing overflows, in training or after it."""
    rows = usual(3, seed=5)
    rows[0, 2], rows[1, 2], rows[2, 0] = 1e308, np.inf, -np.inf
    assert np.isfinite(detector.score(rows)).all()
    assert (detector.tail_probability(rows) < 0.05).all()
    spoiled = usual(500)
    spoiled[:3, 2] = [1e308, np.inf, -np.inf]
    assert np.isfinite(fit_detector(spoiled, seed=0).score(usual(50))).all()


def test_rows_are_scored_alone_as_they_are_together(detector: Detector) -> None:
    """Chunks and neighbours play no part; no rows give no scores."""
    rows = usual(9_000, seed=5)
    together = detector.score(rows)
    np.testing.assert_allclose(together[[0, 8_500]], [detector.score(rows[[i]])[0] for i in (0, 8_500)], rtol=1e-9)
    assert detector.score(rows[:0]).shape == (0,)
    assert detector.contributions(rows[:0]).shape == (0, 6)


def test_what_cannot_be_used_is_refused(detector: Detector) -> None:
    """Too few rows, no columns, another number of columns, owners that do not fit."""
    for matrix in (np.ones((19, 2)), np.ones((30, 0)), np.ones(30)):
        with pytest.raises(DetectorError, match="expected at least 20 rows"):
            fit_detector(matrix, seed=0)
    with pytest.raises(DetectorError, match="expected a feature for each of 2 columns"):
        fit_detector(np.ones((30, 2)), seed=0, feature_of=[0])
    with pytest.raises(DetectorError, match=r"expected a matrix of 6 columns, found shape \(1, 5\)"):
        detector.score(np.ones((1, 5)))
