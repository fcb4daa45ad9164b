"""Rules on the path of a decision, and over a history."""

BENCHMARKS = ("decide", "service", "backtest", "history")
