"""
What can be said of a billed line only when it arrives: its price, quantity, tax and amount beside its order, what was
received, the agreed price, and the line of the same order that was billed before it.

The comparisons are those of the three-way match in the marts, without its tolerances: the model weighs what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.features.formulas import is_weekend, ratio

Floats = NDArray[np.float64]

_DAY = 86_400.0  # seconds
_HALF_A_CENT = 0.005
_PERCENT = 100.0


def compute(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """Compute the request features; arrays in and out have one length, times are microseconds UTC."""
    return {
        **_of_the_line(columns),
        **_prices(columns),
        **_quantities(columns),
        **_taxes(columns),
        **_likeness(columns),
    }


def _of_the_line(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    amount, ledger = columns["amount"], columns["ledger_amount"]
    calculated = columns["quantity"] * columns["unit_price"]
    return {
        "ledger_amount": ledger.astype(np.float64),
        "amount_to_calculated": ratio(amount, calculated),
        "amount_to_vendor_mean_90d": ratio(ledger, columns["vendor_amount_mean_90d"]),
        "amount_to_vendor_max_90d": ratio(ledger, columns["vendor_amount_max_90d"]),
        "is_dated_weekend": is_weekend(columns["effective_at"]),
        "days_since_order": columns["order_seconds_since_sent"] / _DAY,
        "days_since_receipt": columns["order_seconds_since_receipt"] / _DAY,
        "has_order": (columns["order_versions"] > 0).astype(np.float64),
    }


def _prices(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    price = columns["unit_price"].astype(np.float64)
    ordered, agreed = columns["order_unit_price"], columns["agreement_unit_price"]
    rate = ratio(columns["ledger_amount"], columns["amount"])  # of exchange
    spread = columns["article_price_std_90d"]
    return {
        "price_to_order": ratio(price, ordered),
        "price_to_agreement": ratio(price, agreed),
        "price_to_article_mean_90d": ratio(price, columns["article_price_mean_90d"]),
        "price_to_article_last": ratio(price, columns["article_price_last"]),
        "price_deviations_90d": ratio(price - columns["article_price_mean_90d"], spread),
        "price_above_order_amount": np.maximum(price - ordered, 0.0) * columns["quantity"] * rate,
        "price_above_both": ratio(price, np.fmax(ordered, agreed)),
        "order_price_to_agreement": ratio(ordered, agreed),
    }


def _quantities(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    quantity = columns["quantity"].astype(np.float64)
    before, ordered = columns["order_billed_quantity"], columns["order_quantity"]
    received = columns["order_received_quantity"]
    kept = received - columns["order_returned_quantity"]
    uncovered = np.clip(before + quantity - kept, 0.0, quantity)
    return {
        "billed_to_ordered": ratio(before + quantity, ordered),
        "billed_to_received": ratio(before + quantity, kept),
        "uncovered_share": ratio(uncovered, quantity),
        "over_ordered_share": ratio(np.clip(before + quantity - ordered, 0.0, quantity), quantity),
        "uncovered_amount": ratio(uncovered, quantity) * columns["ledger_amount"],
        "is_awaiting_receipt": (kept <= before).astype(np.float64),
        "received_to_ordered": ratio(received, ordered),
        "received_to_shipped": ratio(received, columns["order_shipped_quantity"]),
        "returned_to_received": ratio(columns["order_returned_quantity"], received),
        "quantity_to_article_mean_90d": ratio(quantity, columns["article_quantity_mean_90d"]),
    }


def _taxes(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    amount, tax = columns["amount"], columns["tax_amount"]
    return {
        "tax_rate_above_order": columns["tax_rate"] - columns["order_tax_rate"],
        "tax_rate_above_stated": _PERCENT * ratio(tax, amount) - columns["tax_rate"],
    }


def _likeness(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """How much the line is like the one billed before it of the same order line: copies are, and so are instalments."""
    amount, last = columns["amount"], columns["order_last_billed_amount"]
    same_amount = np.abs(amount - last) < _HALF_A_CENT
    same_quantity = columns["quantity"] == columns["order_last_billed_quantity"]
    kept = columns["order_received_quantity"] - columns["order_returned_quantity"]
    is_covered = columns["order_billed_quantity"] + columns["quantity"] <= kept
    return {
        "amount_to_last_billed": ratio(amount, last),
        "is_like_last_billed": (same_amount & same_quantity).astype(np.float64),
        "is_uncovered_copy": (same_quantity & ~is_covered).astype(np.float64),
        "is_sent_again": ((columns["invoice_lines_before"] > 0) & same_amount).astype(np.float64),
        "days_since_last_billed": columns["order_seconds_since_billed"] / _DAY,
    }
