"""From raw files to a decision: every stage of the spine once, with its peer."""

BENCHMARKS = ("simulate", "ingest", "build", "training_set", "training", "scoring")
