"""From a training set to a judged, signed model version."""

from riskloom.registry.verdict import Verdict
from riskloom.training.trainer import TrainingOutcome, fit_model, train
from riskloom.training.windows import TrainingWindows, training_windows

__all__ = ["TrainingOutcome", "TrainingWindows", "Verdict", "fit_model", "train", "training_windows"]
