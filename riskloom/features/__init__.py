"""Features: built by dbt, described to Feast, joined for training and read online. Importing this imports neither."""

from riskloom.features.catch_up import CaughtUp, catch_up
from riskloom.features.dataset import DecisionSet, TrainingSet, decision_set, features_at, training_set
from riskloom.features.live import EntryLog, LiveWindows, keep_from_now, open_live
from riskloom.features.read_plan import PlanCompiler, ReadPlan, compile_plan
from riskloom.features.request import compute_one, request_features
from riskloom.features.store import (
    StoreLocation,
    apply,
    ensure_feature_service,
    materialise,
    open_store,
    project_name,
)
from riskloom.features.views import FeatureView, load_views, mart_path

__all__ = [
    "CaughtUp",
    "DecisionSet",
    "EntryLog",
    "FeatureView",
    "LiveWindows",
    "PlanCompiler",
    "ReadPlan",
    "StoreLocation",
    "TrainingSet",
    "apply",
    "catch_up",
    "compile_plan",
    "compute_one",
    "decision_set",
    "ensure_feature_service",
    "features_at",
    "keep_from_now",
    "load_views",
    "mart_path",
    "materialise",
    "open_live",
    "open_store",
    "project_name",
    "request_features",
    "training_set",
]
