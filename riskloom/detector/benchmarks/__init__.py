"""Published benchmarks the detector is measured by; each module with ``register`` is a command."""
