"""Tests of the detector and its benchmarks."""
