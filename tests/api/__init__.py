"""The REST API, on a real ledger."""
