"""Finding unusual rows without labels: one configuration for all data, scores with a meaning, and reasons."""

from riskloom.detector.columns import MixedColumns, learn_columns
from riskloom.detector.model import Detector, fit_detector
from riskloom.detector.state import from_bytes, from_state, to_bytes, to_state

__all__ = [
    "Detector",
    "MixedColumns",
    "fit_detector",
    "from_bytes",
    "from_state",
    "learn_columns",
    "to_bytes",
    "to_state",
]
