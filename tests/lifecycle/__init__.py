"""Tests of the life of a rule."""
