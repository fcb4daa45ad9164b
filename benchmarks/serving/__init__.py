"""Serving: what stands between the marts and an answer, each beside its peer."""

BENCHMARKS = ("materialise", "row", "decisions", "reasons")
