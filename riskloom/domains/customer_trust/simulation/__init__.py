"""The parts of the simulated world: people and shops, regimes, honest days, fraud campaigns, late labels."""
