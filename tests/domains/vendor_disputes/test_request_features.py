"""What is computed of a line when it arrives: the match's comparisons, without its tolerances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from riskloom.catalog import Domain
from riskloom.domains.vendor_disputes.request_features import compute

DAY = 86_400.0
#: Ten of twenty ordered at 5 were received, six were billed before; this line bills eight at 6.
LINE: dict[str, float] = {
    "amount": 48.0,
    "ledger_amount": 96.0,
    "quantity": 8.0,
    "unit_price": 6.0,
    "tax_amount": 9.6,
    "tax_rate": 20.0,
    "effective_at": 1_767_398_400_000_000,  # Saturday 2026-01-03
    "order_versions": 1.0,
    "order_quantity": 20.0,
    "order_unit_price": 5.0,
    "order_tax_rate": 19.0,
    "order_seconds_since_sent": 10 * DAY,
    "order_received_quantity": 12.0,
    "order_shipped_quantity": 16.0,
    "order_returned_quantity": 2.0,
    "order_seconds_since_receipt": 3 * DAY,
    "order_billed_quantity": 6.0,
    "order_last_billed_amount": 30.0,
    "order_last_billed_quantity": 6.0,
    "order_seconds_since_billed": 5 * DAY,
    "invoice_lines_before": 0.0,
    "agreement_unit_price": 6.0,
    "article_price_mean_90d": 5.0,
    "article_price_last": 5.0,
    "article_price_std_90d": 0.5,
    "article_quantity_mean_90d": 4.0,
    "vendor_amount_mean_90d": 48.0,
    "vendor_amount_max_90d": 192.0,
}


def features(**changes: float) -> dict[str, float]:
    """The features of the line with some things otherwise."""
    columns: dict[str, Any] = {
        name: np.array([value], dtype=np.int64 if name == "effective_at" else np.float64)
        for name, value in {**LINE, **changes}.items()
    }
    return {name: float(values[0]) for name, values in compute(columns).items()}


def test_a_line_is_compared_with_order_receipts_and_agreement() -> None:
    """Prices as ratios, quantities with what was billed before, amounts in the domain's currency."""
    found = features()
    expected = {
        "price_to_order": 1.2,
        "price_to_agreement": 1.0,
        "price_above_both": 1.0,
        "price_deviations_90d": 2.0,
        "price_above_order_amount": 16.0,
        "billed_to_ordered": 0.7,
        "billed_to_received": 1.4,
        "uncovered_share": 0.5,
        "uncovered_amount": 48.0,
        "over_ordered_share": 0.0,
        "is_awaiting_receipt": 0.0,
        "received_to_shipped": 0.75,
        "returned_to_received": 1 / 6,
        "tax_rate_above_order": 1.0,
        "tax_rate_above_stated": 0.0,
        "amount_to_calculated": 1.0,
        "amount_to_vendor_mean_90d": 2.0,
        "amount_to_last_billed": 1.6,
        "is_like_last_billed": 0.0,
        "is_dated_weekend": 1.0,
        "days_since_order": 10.0,
        "days_since_last_billed": 5.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_copy_is_like_the_line_before_it() -> None:
    """Amount and quantity as before: a copy where goods are missing, an instalment where they are there."""
    copy = {"order_last_billed_amount": 48.0, "order_last_billed_quantity": 8.0, "order_billed_quantity": 8.0}
    found = features(**copy)
    assert (found["is_like_last_billed"], found["is_uncovered_copy"], found["is_sent_again"]) == (1, 1, 0)
    assert features(**copy, order_received_quantity=20.0)["is_uncovered_copy"] == 0
    assert features(**copy, invoice_lines_before=1.0)["is_sent_again"] == 1


def test_what_cannot_be_compared_is_empty_and_never_infinite() -> None:
    """Without an order, a receipt or a price there is nothing to compare with; no value is infinite."""
    unknown = {name: np.nan for name in LINE if name.startswith(("order_", "agreement_", "article_", "vendor_"))}
    zeros = dict.fromkeys(("order_versions", "order_received_quantity", "order_returned_quantity"), 0.0)
    found = features(**{**unknown, **zeros, "order_billed_quantity": 0.0, "unit_price": np.nan, "quantity": np.nan})
    for name in ("price_to_order", "price_to_agreement", "billed_to_ordered", "billed_to_received", "uncovered_share"):
        assert np.isnan(found[name]), name
    assert found["has_order"] == 0
    assert found["is_awaiting_receipt"] == 1
    assert not any(np.isinf(value) for value in found.values())
    assert not any(np.isinf(value) for value in features(amount=0.0, quantity=0.0, unit_price=0.0).values())


def test_every_declared_feature_is_computed(vendor_domain: Domain) -> None:
    """No more and no less than the declaration says."""
    assert set(features()) == set(vendor_domain.request_features)
