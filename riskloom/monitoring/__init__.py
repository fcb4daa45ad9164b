"""Watch the data and the champion: quality, drift, and what its decisions cost. Importing it loads nothing heavy."""

from riskloom.monitoring.run import WORKSPACE, Source, run
from riskloom.monitoring.verdict import MonitoringVerdict, read_latest, read_verdict, verdict_path

__all__ = ["WORKSPACE", "MonitoringVerdict", "Source", "read_latest", "read_verdict", "run", "verdict_path"]
