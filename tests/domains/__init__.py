"""Each domain's own code."""
