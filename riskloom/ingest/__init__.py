"""From files to checked, immutable Parquet in the landing zone; and the files of a simulated history."""

from riskloom.ingest.accepted import LandedEvents, land_events
from riskloom.ingest.files import ingest_files
from riskloom.ingest.landing import LandingCheck, TableCheck, check_landing, prepare_landing, watermark
from riskloom.ingest.report import FileReport, IngestReport, RefusedFilesError
from riskloom.ingest.schema import arrow_schema
from riskloom.ingest.simulation import SimulationPlan, SimulationReport, Stretch, stretches, write_simulation
from riskloom.pseudonyms import ensure_pseudonym_key, pseudonym

__all__ = [
    "FileReport",
    "IngestReport",
    "LandedEvents",
    "LandingCheck",
    "RefusedFilesError",
    "SimulationPlan",
    "SimulationReport",
    "Stretch",
    "TableCheck",
    "arrow_schema",
    "check_landing",
    "ensure_pseudonym_key",
    "ingest_files",
    "land_events",
    "prepare_landing",
    "pseudonym",
    "stretches",
    "watermark",
    "write_simulation",
]
