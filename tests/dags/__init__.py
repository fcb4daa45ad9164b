"""Tests of the DAG files, each in a process of its own: Airflow reads its settings once, when it is imported."""
