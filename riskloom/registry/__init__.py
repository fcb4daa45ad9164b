"""Saved models: signed, numbered, opened only after a check; and who of them is champion."""

from riskloom.registry.manifest import Calibration, Estimate, FeatureSpec, Kind, ModelManifest, Windows
from riskloom.registry.model import LoadedModel, load_folder, load_model
from riskloom.registry.plans import CompilePlan, plans_stamp, read_plan
from riskloom.registry.record import Change, Record, challenge, champions_plan, promote, read_record, rollback
from riskloom.registry.renewal import Renewed, renew_plan, renew_plans
from riskloom.registry.signing import ensure_signing_key, load_public_key
from riskloom.registry.store import (
    ModelStore,
    ModelVersion,
    feature_service_name,
    read_verdict,
    save_model,
    write_verdict,
)
from riskloom.registry.verdict import Verdict

__all__ = [
    "Calibration",
    "Change",
    "CompilePlan",
    "Estimate",
    "FeatureSpec",
    "Kind",
    "LoadedModel",
    "ModelManifest",
    "ModelStore",
    "ModelVersion",
    "Record",
    "Renewed",
    "Verdict",
    "Windows",
    "challenge",
    "champions_plan",
    "ensure_signing_key",
    "feature_service_name",
    "load_folder",
    "load_model",
    "load_public_key",
    "plans_stamp",
    "promote",
    "read_plan",
    "read_record",
    "read_verdict",
    "renew_plan",
    "renew_plans",
    "rollback",
    "save_model",
    "write_verdict",
]
