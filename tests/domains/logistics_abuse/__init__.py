"""Tests of what is peculiar to parcels and the concessions asked for them."""
