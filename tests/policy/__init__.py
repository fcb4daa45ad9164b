"""Policy: what is done about a score."""
