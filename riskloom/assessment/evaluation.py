"""How good an assessment is on cases it had not seen, beside answers that need no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskloom.assessment.cases import Cases
from riskloom.assessment.model import Judgement, to_amounts
from riskloom.catalog import Assessment
from riskloom.metrics import Ranking
from riskloom.training.evaluation import REPLICATES, Evaluation, Figure

FloatArray = NDArray[np.float64]


def evaluate(
    assessment: Assessment, cases: Cases, judgement: Judgement, *, usual_share: float, replicates: int = REPLICATES
) -> Evaluation:
    """
    Compute every figure of a holdout with its bootstrap replicates, cases drawn as often as a Poisson(1) variable says.

    Errors are mean distances between what is said to be payable and what was, as shares of the claim, and as money in
    the domain's currency where rates are known. The two baselines grant every claim, and the median share of the fit
    window.

    Args:
        assessment: Declares thresholds and seed.
        cases: Usable ones.
        judgement: What the model said of them.
        usual_share: Median payable share of the fit window.
        replicates: How many.
    """
    rows = _rows(assessment, cases, judgement, usual_share)
    ranking = Ranking(cases.valid, judgement.probability)

    def compute(weights: FloatArray) -> dict[str, FloatArray]:
        means = {name: _mean(weights, values) for name, values in rows.items()}
        return {
            "roc_auc": ranking.roc_auc(weights),
            "average_precision": ranking.average_precision(weights),
            "expected_calibration_error": ranking.calibration_error(weights),
            **means,
        }

    drawn = np.random.default_rng(assessment.seed).poisson(1.0, (replicates, len(cases))).astype(np.float64)
    once, many = compute(np.ones((1, len(cases)))), compute(drawn)
    return {name: Figure(float(once[name][0]), many[name]) for name in once}


def _rows(assessment: Assessment, cases: Cases, judgement: Judgement, usual_share: float) -> dict[str, FloatArray]:
    """What is averaged over cases; NaN where a figure says nothing about a case."""
    amounts, truth, money = to_amounts(judgement, cases.claimed), cases.share, cases.money
    is_covered = (cases.payable >= amounts.low) & (cases.payable <= amounts.high)
    errors = {
        "error": np.abs(judgement.share - truth),
        "error_granting_all": np.abs(1 - truth),
        "error_granting_the_usual": np.abs(usual_share - truth),
    }
    granted = judgement.granted_share(assessment)
    return {
        "coverage": is_covered.astype(np.float64),
        "interval_width": judgement.high - judgement.low,
        **{f"{name}_share": values for name, values in errors.items()},
        **{f"{name}_money": values * money for name, values in errors.items()},
        "decided_share": np.isfinite(granted).astype(np.float64),
        "decided_error_share": np.abs(granted - truth),
        "decided_overpaid_money": np.maximum(granted - truth, 0) * money,
    }


def _mean(weights: FloatArray, values: FloatArray) -> FloatArray:
    is_known = np.isfinite(values)
    total = weights[:, is_known].sum(axis=1)
    summed = weights[:, is_known] @ values[is_known]
    mean: FloatArray = np.divide(summed, total, out=np.full(len(weights), np.nan), where=total > 0)
    return mean
