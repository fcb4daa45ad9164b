"""Riskloom: find abuse, threats, fraud and wrong invoices, decide, act reversibly, and learn."""

__version__ = "0.1.0"
