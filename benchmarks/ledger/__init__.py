"""The ledger: how fast decisions are kept and shipped, and how soon a large one answers."""

BENCHMARKS = ("shipping", "queries")
