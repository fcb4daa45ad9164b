"""Assessments: whether a case is valid and what of it is payable, judged in batch by a model with intervals."""

from riskloom.assessment.cases import Cases, read_cases
from riskloom.assessment.run import assess_open, passed_version, train_and_save
from riskloom.assessment.trainer import AssessmentTraining, train

__all__ = ["AssessmentTraining", "Cases", "assess_open", "passed_version", "read_cases", "train", "train_and_save"]
