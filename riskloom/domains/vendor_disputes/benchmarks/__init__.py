"""Published data this domain is measured by; each module with ``register`` is a command."""
