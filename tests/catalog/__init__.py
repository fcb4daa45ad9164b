"""Declarations: what is read, and how mistakes are told."""
