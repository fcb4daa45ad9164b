"""The whole stack, looked at as a person does: in a real browser."""
