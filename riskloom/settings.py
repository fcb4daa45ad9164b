"""
Where things are and which back ends are used: the only reader of the environment.

Read only where things are wired together (command line, services, DAG tasks); everything else gets what it needs as
arguments.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from riskloom.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

#: OpenMP's threads burn their core while they wait for each other. Where other processes want the cores too, a fit that
#: needs three seconds then takes thirty, so ours sleep instead. Read once, when the first OpenMP library is loaded.
PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}

#: The profile and target of dbt_project/profiles.yml that every run of dbt uses.
DBT_PROFILE, DBT_TARGET = "riskloom", "duckdb"


class Settings(BaseSettings):
    """Settings from ``RISKLOOM_*`` variables; the defaults run everything embedded, on this machine only."""

    model_config = SettingsConfigDict(env_prefix="RISKLOOM_", extra="ignore", frozen=True)

    home: Path = Field(default=PROJECT_ROOT / ".riskloom", description="Everything made at run time lies below it.")
    project: Path = Field(default=PROJECT_ROOT, description="The checkout: dags, dbt_project, feature_repo, services.")

    online_store: Literal["sqlite", "redis"] = "sqlite"
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")

    ledger_url: SecretStr | None = Field(
        default=None, description="The ledger's database, postgresql://…; by default SQLite in ledger.db."
    )

    host: str = Field(default="127.0.0.1", description="The address services listen on.")
    scoring_port: int = 3000
    scoring_direct_port: int | None = Field(
        default=None, description="Where the scoring service listens besides, without BentoML's server in between."
    )
    airflow_port: int = 8080
    monitoring_port: int = 8000
    console_port: int = 3001
    ledger_port: int = Field(default=3002, description="Where the ledger's keeper serves its metrics.")
    consumer_port: int = Field(default=3003, description="Health and metrics of the consumer of pushed events.")

    duckdb_threads: int = Field(default=2, ge=1)
    duckdb_memory: str = Field(default="4GB", pattern=r"^\d+(MB|GB)$")

    @property
    def landing(self) -> Path:
        """Good rows as they came, ``<domain>/<table>/*.parquet``; files are added, never changed."""
        return self.home / "landing"

    @property
    def quarantine(self) -> Path:
        """Bad rows with their reason, ``<domain>/<table>/*.parquet``."""
        return self.home / "quarantine"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file; only dbt opens it."""
        return self.home / "warehouse.duckdb"

    @property
    def marts(self) -> Path:
        """What dbt publishes for everybody else, ``<domain>/<mart>.parquet``."""
        return self.home / "marts"

    @property
    def dbt_project(self) -> Path:
        """The dbt project's sources."""
        return self.project / "dbt_project"

    @property
    def dbt_target(self) -> Path:
        """The artefacts of dbt's last run, which it writes while others read."""
        return self.home / "dbt" / "target"

    @property
    def dbt_manifest(self) -> Path:
        """What dbt knows of the project, published whole after each run."""
        return self.home / "dbt" / "manifest.json"

    @property
    def feast_registry(self) -> Path:
        """Feast's SQL registry (SQLite)."""
        return self.home / "feast" / "registry.db"

    @property
    def feast_online(self) -> Path:
        """Feast's online store where it is SQLite."""
        return self.home / "feast" / "online.db"

    @property
    def bentoml_home(self) -> Path:
        """BentoML's model and Bento store."""
        return self.home / "bentoml"

    @property
    def registry(self) -> Path:
        """Who is champion and challenger, ``<domain>.json``, with history."""
        return self.home / "registry"

    @property
    def keys(self) -> Path:
        """Signing key and API keys; readable by the owner only."""
        return self.home / "keys"

    @property
    def api_keys(self) -> Path:
        """Hashes of the API keys and what each may do."""
        return self.keys / "api_keys.json"

    @property
    def release_secret(self) -> Path:
        """Draws who is released; the same wherever the same events are decided."""
        return self.keys / "release.key"

    @property
    def decisions(self) -> Path:
        """Decisions as they were answered, JSON lines, ``<domain>/*.jsonl``."""
        return self.home / "decisions"

    @property
    def shadows(self) -> Path:
        """What models in shadow said of decisions, JSON lines, ``<domain>/*.jsonl``."""
        return self.home / "shadows"

    @property
    def ledger(self) -> Path:
        """The ledger's SQLite file, where no other database is set."""
        return self.home / "ledger.db"

    @property
    def audit_anchor(self) -> Path:
        """The signed end of the ledger's audit chain."""
        return self.home / "audit" / "anchor.json"

    @property
    def entries(self) -> Path:
        """When each event entered the live windows, JSON lines, ``<domain>/*.jsonl``."""
        return self.home / "entries"

    @property
    def events(self) -> Path:
        """Events that were pushed and accepted, until they have landed, JSON lines, ``<domain>/*.jsonl``."""
        return self.home / "events"

    @property
    def rules(self) -> Path:
        """The rules and lists in force, ``<domain>/rules.json``, signed; beside them what services ask for."""
        return self.home / "rules"

    @property
    def watch(self) -> Path:
        """What the watches found, ``<domain>/<entity>/*.json``."""
        return self.home / "watch"

    @property
    def monitoring(self) -> Path:
        """Verdicts, ``<domain>/*.json``, and Evidently's workspace."""
        return self.home / "monitoring"

    @property
    def assessments(self) -> Path:
        """What assessments said of open cases, ``<domain>/<entity>/*.parquet``."""
        return self.home / "assessments"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder: its database, logs and passwords."""
        return self.home / "airflow"


def load_settings() -> Settings:
    """
    Read the settings from the environment.

    Raises:
        ConfigError: A variable holds a value that its setting does not take.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"RISKLOOM_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}, found {item['input']!r}"
            for item in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(lines)) from error


def environment(settings: Settings) -> dict[str, str]:
    """The environment for a process we start: this one's, plus the settings it must share with us."""
    shared = {
        "RISKLOOM_HOME": str(settings.home),
        "RISKLOOM_PROJECT": str(settings.project),
        "RISKLOOM_ONLINE_STORE": settings.online_store,
        "RISKLOOM_REDIS_URL": settings.redis_url.get_secret_value(),
        "RISKLOOM_DUCKDB_THREADS": str(settings.duckdb_threads),
        "RISKLOOM_DUCKDB_MEMORY": settings.duckdb_memory,
        "DBT_PROJECT_DIR": str(settings.dbt_project),
        "DBT_PROFILES_DIR": str(settings.dbt_project),
        # said here as Cosmos says them: for others, even if they mean the same, dbt parses the whole project anew
        "DBT_PROFILE": DBT_PROFILE,
        "DBT_TARGET": DBT_TARGET,
        "DBT_TARGET_PATH": str(settings.dbt_target),
        "DBT_LOG_PATH": str(settings.dbt_target.parent / "logs"),
        "RISKLOOM_FEAST_REGISTRY": str(settings.feast_registry),
        "RISKLOOM_FEAST_ONLINE": str(settings.feast_online),
        "BENTOML_HOME": str(settings.bentoml_home),
        **PATIENT_THREADS,
        "OTEL_SDK_DISABLED": "true",
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "1",
        "FEAST_USAGE": "False",
    }
    if settings.scoring_direct_port is not None:
        shared["RISKLOOM_SCORING_DIRECT_PORT"] = str(settings.scoring_direct_port)
    if settings.ledger_url is not None:
        shared["RISKLOOM_LEDGER_URL"] = settings.ledger_url.get_secret_value()
    return {**os.environ, **shared}
