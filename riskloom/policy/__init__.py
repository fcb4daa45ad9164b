"""From a score to what is done about it."""

from riskloom.policy.outcome import choose_outcome

__all__ = ["choose_outcome"]
