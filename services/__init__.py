"""The services: what answers over the network."""
