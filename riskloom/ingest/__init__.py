"""From files to checked, immutable Parquet in the landing zone; and the files of a simulated history."""

from riskloom.ingest.landing import prepare_landing, watermark
from riskloom.ingest.schema import arrow_schema
from riskloom.ingest.simulation import SimulationPlan, SimulationReport, write_simulation

__all__ = [
    "SimulationPlan",
    "SimulationReport",
    "arrow_schema",
    "prepare_landing",
    "watermark",
    "write_simulation",
]
