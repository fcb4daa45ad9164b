"""Tests of the domain's marts over a small made-up world, and of the windows' SQL over the same."""
