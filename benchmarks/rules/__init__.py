"""Rules on the path of a decision, and over a history."""

BENCHMARKS = ("decide", "backtest", "history")
