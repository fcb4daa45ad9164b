"""Assessments: intervals that cover, labels that are known, answers and refusals."""
