"""Talk to Airflow's REST API: start a DAG and follow its run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from riskloom.errors import ServiceError

_POLL = 1.0
_ANSWER_SECONDS = 90.0
_TRIES = 5  # where the server says that its database is busy
_FOLLOW_POLL = 2.0  # the API server has the tasks themselves to answer
_ENDED = {"success", "failed"}
_TASK_LIMIT = 100  # tasks Airflow gives a page; its API's own maximum

#: Called with a task's name and its new state.
Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class DagRun:
    """A run that ended: its state, and the tasks that did not succeed with their states."""

    dag_id: str
    run_id: str
    state: str
    unsuccessful: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        """Whether the whole run succeeded."""
        return self.state == "success"


class Airflow:
    """
    Airflow's REST API, logged in as one user.

    Args:
        url: Where the API server listens, without a path.
        user: Name of the user.
        password: Their password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_ANSWER_SECONDS, trust_env=False)
        self._user = user
        self._password = password

    def __enter__(self) -> Self:
        self._log_in()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def wait_for_dag(self, dag_id: str, seconds: float) -> None:
        """
        Wait until Airflow has read a DAG's file.

        Raises:
            ServiceError: It has not after ``seconds``; import errors are quoted.
        """
        deadline = time.monotonic() + seconds
        while self._request("GET", f"/api/v2/dags/{dag_id}", missing_ok=True) is None:
            if time.monotonic() > deadline:
                errors = self._request("GET", "/api/v2/importErrors")["import_errors"]
                details = "\n".join(f"{item['filename']}:\n{item['stack_trace']}" for item in errors)
                raise ServiceError(
                    f"Airflow does not know the DAG {dag_id!r} after {seconds:.0f} s\n{details}".rstrip()
                )
            time.sleep(_POLL)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self._request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run with the given parameters and return its id."""
        run = self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf)})
        return str(run["dag_run_id"])

    def runs(self, dag_id: str) -> list[str]:
        """Ids of the DAG's runs, newest first."""
        found = self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"order_by": "-run_after"})
        return [str(run["dag_run_id"]) for run in found["dag_runs"]]

    def wait_for_run(self, dag_id: str, seconds: float) -> str:
        """
        Wait until something, an asset for example, has started a run, and return the id of the newest.

        Raises:
            ServiceError: Nothing did within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = self.runs(dag_id)
            if found:
                return found[0]
            if time.monotonic() > deadline:
                raise ServiceError(f"nothing started a run of {dag_id!r} within {seconds:.0f} s")
            time.sleep(_POLL)

    def follow(self, dag_id: str, run_id: str, report: Report, seconds: float) -> DagRun:
        """
        Wait until a run has ended, reporting each task's change of state.

        Raises:
            ServiceError: It has not ended after ``seconds``.
        """
        seen: dict[str, str] = {}
        deadline = time.monotonic() + seconds
        while True:
            # The run first: when it has ended, its tasks have as well.
            state = str(self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])
            tasks = self._tasks(dag_id, run_id)
            for task, now in tasks.items():
                if now != seen.get(task):
                    report(task, now)
            seen = tasks
            if state in _ENDED:
                wrong = {task: now for task, now in tasks.items() if now not in {"success", "skipped"}}
                return DagRun(dag_id, run_id, state, wrong)
            if time.monotonic() > deadline:
                raise ServiceError(f"the run {run_id!r} of {dag_id!r} is still {state} after {seconds:.0f} s")
            time.sleep(_FOLLOW_POLL)

    def _tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        tasks: dict[str, str] = {}
        total = 1
        while len(tasks) < total:
            page = self._request(
                "GET",
                f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances",
                params={"limit": _TASK_LIMIT, "offset": len(tasks)},
            )
            total = int(page["total_entries"])
            if not page["task_instances"]:
                break
            tasks.update({str(item["task_id"]): str(item["state"] or "waiting") for item in page["task_instances"]})
        return tasks

    def _answer(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ServiceError(f"Airflow does not answer {method} {path}: {error}") from error

    def _log_in(self) -> None:
        try:
            answer = self._client.post("/auth/token", json={"username": self._user, "password": self._password})
        except httpx.HTTPError as error:
            raise ServiceError(f"Airflow does not answer the log-in of {self._user!r}: {error}") from error
        if not answer.is_success:
            raise ServiceError(f"Airflow refused the log-in of {self._user!r} with status {answer.status_code}")
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _request(self, method: str, path: str, *, missing_ok: bool = False, **options: Any) -> Any:
        answer = self._answer(method, path, options)
        for _ in range(_TRIES if method != "POST" else 0):
            if not answer.is_server_error:
                break
            time.sleep(_POLL)  # its database was busy; to ask again changes nothing twice
            answer = self._answer(method, path, options)
        if missing_ok and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise ServiceError(f"Airflow answered {method} {path} with {answer.status_code}: {answer.text[:500]}")
        return answer.json()
