"""The online store as it lies in Redis and in SQLite: Feast's layout, and the bulk writer. No feast, no pandas."""
