"""Checks that every declared domain passes; a new domain is tested without writing a test."""
