"""A module a resource: what it shows, what it takes, and what is done with it."""
