"""Windowed features: what the warehouse and the engine take, each beside its peer."""

BENCHMARKS = ("offline", "online", "online_backfill")
