"""
Which services there are and how each is started; the one place that says so.

``riskloom up`` starts these on this machine; ``docker/compose.yaml`` starts the same commands in containers, and a test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from riskloom.settings import Settings, environment

#: Prepares Airflow's database, in this order, before any of its components starts. DuckDB has one writer, so everything
#: that runs dbt takes the one slot of the pool.
AIRFLOW_INIT: tuple[tuple[str, ...], ...] = (
    ("airflow", "db", "migrate"),
    ("airflow", "pools", "set", "duckdb", "1", "DuckDB has one writer"),
)

#: Airflow's components; each is a process of its own. The log servers would listen on every address and nobody needs
#: them: the API server reads the log files themselves.
AIRFLOW_COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("airflow", "api-server"),
    "scheduler": ("airflow", "scheduler", "--skip-serve-logs"),
    "dag-processor": ("airflow", "dag-processor"),
    "triggerer": ("airflow", "triggerer", "--skip-serve-logs"),
}

AIRFLOW_USER = "admin"


@dataclass(frozen=True, slots=True)
class Service:
    """
    One long-running process.

    Attributes:
        command: Program and arguments; the program is looked up in the project's environment.
        environment: Its whole environment, but for the secrets.
        health: URL that answers with status 200 once the service is ready.
        part: Where several services share ``health``: the key of the JSON answer whose ``status`` is this one's.
        host: The address it listens on.
        port: Where it listens, or None where it does not.
        port_setting: The variable that moves the port.
        secrets: Variables that are read from files just before the start, so that no declaration holds them.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: str
    host: str
    part: str | None = None
    port: int | None = None
    port_setting: str = ""
    secrets: Mapping[str, Path] = field(default_factory=dict)

    def environment_with_secrets(self) -> dict[str, str]:
        """The environment to start the service with."""
        secrets = {name: path.read_text(encoding="utf-8").strip() for name, path in self.secrets.items()}
        return {**self.environment, **secrets}


def services(settings: Settings) -> tuple[Service, ...]:
    """Every service, in the order in which they are started."""
    consumer = (_consumer(settings),) if settings.online_store == "redis" else ()
    ours = (_scoring(settings), *consumer, _ledger(settings), _monitoring(settings), _console(settings))
    return (*_airflow(settings), *ours)


def urls(settings: Settings) -> dict[str, str]:
    """Where a person goes, by what they find there."""
    return {
        "Airflow": _url(settings, settings.airflow_port),
        "Scoring service": _url(settings, settings.scoring_port),
        "Drift dashboard": _url(settings, settings.monitoring_port),
        "Console": _url(settings, settings.console_port),
    }


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Environment of each Airflow process: ours, plus where Airflow's own things are and which defaults are undone."""
    return {
        **environment(settings),
        "AIRFLOW_HOME": str(settings.airflow_home),
        "PYTHONPATH": f"{settings.project / 'dags'}:{settings.project}",
        "AIRFLOW__API__HOST": settings.host,
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{_url(settings, settings.airflow_port)}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{AIRFLOW_USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_passwords(settings)),
        # Two cores run two tasks well; 32 would be 32 interpreters.
        "AIRFLOW__CORE__PARALLELISM": "4",
        # Files that change are read at once; those that do not need not be read every 30 s, which takes seconds of CPU.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(settings.airflow_home / "cosmos"),
        # A task that ended is noticed up to this many seconds late (5 by default). Where a deferred one is resumed
        # before that, the scheduler takes the late notice for the end of the resumed one, and fails it.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }


def evidently_secret(settings: Settings) -> Path:
    """File with the secret that Evidently asks for before it changes anything; looking needs none."""
    return settings.keys / "evidently-secret"


def airflow_token_secret(settings: Settings) -> Path:
    """File with the secret that Airflow's components sign their tokens with."""
    return settings.keys / "airflow-token-secret"


def airflow_passwords(settings: Settings) -> Path:
    """File with Airflow's users and passwords, as its simple auth manager reads them."""
    return settings.airflow_home / "passwords.json"


def _airflow(settings: Settings) -> tuple[Service, ...]:
    health = f"{_url(settings, settings.airflow_port)}/api/v2/monitor/health"
    parts = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
    return tuple(
        Service(
            name=f"airflow-{name}",
            command=command,
            environment=airflow_environment(settings),
            health=health,
            host=settings.host,
            part=parts.get(name),
            port=settings.airflow_port if name == "api-server" else None,
            port_setting="RISKLOOM_AIRFLOW_PORT",
            secrets={"AIRFLOW__API_AUTH__JWT_SECRET": airflow_token_secret(settings)},
        )
        for name, command in AIRFLOW_COMPONENTS.items()
    )


def _scoring(settings: Settings) -> Service:
    port = settings.scoring_port
    return Service(
        name="scoring",
        command=("bentoml", "serve", "services.scoring.service:Scoring", "--host", settings.host, "--port", str(port)),
        environment={**environment(settings), "PYTHONPATH": str(settings.project)},
        health=f"{_url(settings, port)}/healthz",
        host=settings.host,
        port=port,
        port_setting="RISKLOOM_SCORING_PORT",
    )


def _ledger(settings: Settings) -> Service:
    port = settings.ledger_port
    return Service(
        name="ledger",
        command=("riskloom", "ledger", "ship", "--follow", "--host", settings.host, "--port", str(port)),
        environment={**environment(settings), "PYTHONPATH": str(settings.project)},
        health=f"{_url(settings, port)}/metrics",
        host=settings.host,
        port=port,
        port_setting="RISKLOOM_LEDGER_PORT",
    )


def _consumer(settings: Settings) -> Service:
    """Takes pushed events from Redis streams; it listens for its health and metrics alone."""
    port, factory = settings.consumer_port, "services.consumer.service:build"
    return Service(
        name="consumer",
        command=("uvicorn", "--factory", factory, "--host", settings.host, "--port", str(port), "--no-access-log"),
        environment={**environment(settings), "PYTHONPATH": str(settings.project)},
        health=f"{_url(settings, port)}/healthz",
        host=settings.host,
        port=port,
        port_setting="RISKLOOM_CONSUMER_PORT",
    )


def _monitoring(settings: Settings) -> Service:
    port, workspace = settings.monitoring_port, settings.monitoring / "workspace"
    return Service(
        name="monitoring",
        command=("evidently", "ui", "--workspace", str(workspace), "--host", settings.host, "--port", str(port)),
        environment=environment(settings),
        health=f"{_url(settings, port)}/api/projects",
        host=settings.host,
        port=port,
        port_setting="RISKLOOM_MONITORING_PORT",
        secrets={"EVIDENTLY_SECRET": evidently_secret(settings)},
    )


def _console(settings: Settings) -> Service:
    port = settings.console_port
    command = ("uvicorn", "--factory", "services.console.service:build", "--host", settings.host, "--port", str(port))
    return Service(
        name="console",
        command=(*command, "--no-access-log", "--no-server-header"),  # addresses hold keys of people
        environment={**environment(settings), "PYTHONPATH": str(settings.project)},
        health=f"{_url(settings, port)}/healthz",
        host=settings.host,
        port=port,
        port_setting="RISKLOOM_CONSOLE_PORT",
    )


def _url(settings: Settings, port: int) -> str:
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared, nothing is bound
    return f"http://{host}:{port}"
