"""
What one would put in production without Riskloom, over the same Redis, feature views and model, and the raw floor.

Each answers with a score alone: no check of a contract, no outcome, no freshness, no rules, nothing written down.
"""
