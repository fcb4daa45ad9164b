"""Soak: the scoring service under steady load for minutes, and with a store that dies again and again."""

BENCHMARKS = ("steady", "outages")
