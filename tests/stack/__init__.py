"""Tests of the supervisor, the declared services and the demo."""
