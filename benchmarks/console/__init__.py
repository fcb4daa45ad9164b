"""The console: how soon its pages are there, over a large ledger."""

BENCHMARKS = ("pages",)
