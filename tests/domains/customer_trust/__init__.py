"""Card and account fraud."""
