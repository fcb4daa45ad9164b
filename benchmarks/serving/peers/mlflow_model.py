"""A booster as an MLflow model: ``python mlflow_model.py BOOSTER FOLDER``, run by MLflow's own environment."""

from __future__ import annotations

import sys

import lightgbm
import mlflow.lightgbm

if __name__ == "__main__":
    source, folder = sys.argv[1:]
    mlflow.lightgbm.save_model(lightgbm.Booster(model_file=source), folder, pip_requirements=[])
