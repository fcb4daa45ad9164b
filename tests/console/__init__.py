"""The console, on a real ledger."""
