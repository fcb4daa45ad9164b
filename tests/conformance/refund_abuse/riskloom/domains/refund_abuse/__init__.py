"""Refund abuse."""
