"""A file a stage; each builds its DAG for every declared domain."""
