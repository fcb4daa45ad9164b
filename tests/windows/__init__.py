"""Windowed features: what is declared, kept and served."""
