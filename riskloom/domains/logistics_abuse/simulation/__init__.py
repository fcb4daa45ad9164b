"""The parts of the simulated world: people and places, regimes, rings, claims, the way of a parcel, late findings."""
