"""The long-running services, started and stopped together, and the demo that takes data through all of them."""
