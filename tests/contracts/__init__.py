"""Durations, column types and table contracts."""
