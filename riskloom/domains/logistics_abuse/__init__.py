"""Abuse of concessions along the way of a parcel."""
