"""The ledger: what was decided is kept."""
