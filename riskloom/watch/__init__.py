"""Judging subjects in batch and without labels: which rows of a mart are unusual among those before them, and why."""

from riskloom.watch.report import Finding, Reason, WatchReport, read_latest, report_path, write_report
from riskloom.watch.run import run

__all__ = ["Finding", "Reason", "WatchReport", "read_latest", "report_path", "run", "write_report"]
