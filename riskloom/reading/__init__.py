"""The read path of a decision: what was known of its entities, from Redis or SQLite, without Feast."""
