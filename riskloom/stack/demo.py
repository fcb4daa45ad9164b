"""
The demo: data of every domain goes the whole way, from files to live decisions, through the services a user would run.

Everything happens in a home of its own, made anew each time, so that the demo touches nothing else.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from riskloom.access import METRICS, create_key
from riskloom.catalog import Demo as DemoSize
from riskloom.catalog import Domain, load_catalog
from riskloom.errors import ConfigError, RiskloomError, ServiceError
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.settings import Settings
from riskloom.stack import source
from riskloom.stack.airflow import Airflow, DagRun
from riskloom.stack.live import LiveReport, read_events, send, wait_until_scored
from riskloom.stack.prepare import airflow_password, prepare
from riskloom.stack.progress import Progress
from riskloom.stack.services import AIRFLOW_USER, services, urls
from riskloom.stack.shadowing import put_in_shadow
from riskloom.stack.supervisor import Supervisor
from riskloom.wiring import audit_trail, ledger_engine, outbox_source

if TYPE_CHECKING:
    from riskloom.monitoring import MonitoringVerdict
    from riskloom.registry import ModelManifest
    from riskloom.watch import WatchReport

#: A file in the demo's home that says whose it is: only such a folder is emptied.
_MARK = ".riskloom-demo"
_DAG_SECONDS = 240.0
_RUN_SECONDS = 900.0
_ASSET_SECONDS = 60.0
_READY_SECONDS = 90.0
#: Who may log in to the demo's console, as a lead.
CONSOLE_USER = "demo"
_DEMO = "riskloom demo"
_POLL_SECONDS = 0.5
_ENDED = {"success", "skipped"}


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """
    What to show.

    Attributes:
        data: ``simulated``, or the name that a domain's mapping files begin with.
        data_dir: The folder with the real files.
        now: The moment the data leads up to; timezone-aware.
        domains: Names of those to show; all that have the data by default.
        size: How much is simulated of each; what its declaration says by default.
        live_events: Events sent to the scoring service for each, at most.
        connections: Over how many connections at once.
    """

    data: str
    data_dir: Path | None
    now: datetime
    domains: tuple[str, ...] = ()
    size: DemoSize | None = None
    live_events: int = 600
    connections: int = 4


@dataclass(slots=True)
class DomainResult:
    """What the demo did with one domain; what is missing was not reached."""

    domain: Domain
    note: str = ""
    ingested: list[source.Ingested] = field(default_factory=list)
    runs: list[DagRun] = field(default_factory=list)
    version: str | None = None
    model: ModelManifest | None = None
    live: LiveReport | None = None
    verdict: MonitoringVerdict | None = None
    watches: list[WatchReport] = field(default_factory=list)
    assessed: dict[str, Counter[str]] = field(default_factory=dict)
    error: str | None = None

    @property
    def problems(self) -> list[str]:
        """Everything that is not as it should be; empty where all parts did their work."""
        found = [self.error] if self.error else []
        for run in self.runs:
            if not run.is_success:
                tasks = ", ".join(f"{task} ({state})" for task, state in run.unsuccessful.items())
                found.append(f"the run of {run.dag_id} ended as {run.state}: {tasks}")
        if self.model is None:
            found.append("there is no champion")
        if self.live is None or not self.live.sent:
            found.append("no event was scored")
        elif self.live.refused:
            refused = ", ".join(f"{number} of {kind}" for kind, number in self.live.refused.items())
            found.append(f"events were not answered with 200: {refused}")
        if self.verdict is None:
            found.append("there is no drift verdict")
        found += [
            f"the watch of {watch.entity} has no report"
            for watch in self.domain.watch
            if watch.entity not in {report.entity for report in self.watches}
        ]
        found += [
            f"no open {assessment.entity} was answered"
            for assessment in self.domain.assessment
            if not self.assessed.get(assessment.entity)
        ]
        return [f"{self.domain.name}: {problem}" for problem in found]


class Demo:
    """
    One run of the demo.

    Args:
        settings: Its home is the demo's own folder.
        plan: What to show.
        progress: Where it is told how far it is.
    """

    def __init__(self, settings: Settings, plan: DemoPlan, progress: Progress) -> None:
        self.settings = settings
        self.plan = plan
        self.progress = progress
        self.supervisor = Supervisor(home=settings.home, project=settings.project)
        self.api_key = self.console_password = ""
        self._building = Lock()

    def run(self) -> list[DomainResult]:
        """
        Take each domain that has the data all the way; the services keep running.

        Raises:
            ConfigError: No domain has such data, or the home is not a demo's.
            ServiceError: A service did not start.
        """
        domains = source.domains_with(self.plan.data, load_catalog(), self.plan.domains)
        files = [] if self.plan.data == source.SIMULATED else source.data_files(self.plan.data_dir)
        self.empty_home()
        results = [self._bring_in(domain, files) for domain in domains]
        with self.progress.doing("Preparing keys, Airflow's database and dbt's manifest"):
            prepare(self.settings)
            self._make_key()
            self._let_in()
        with self.progress.doing("Letting the domains' rules look on"):
            for result in results:
                shadowed = put_in_shadow(self.settings, result.domain, by=_DEMO)
                self.progress.say(f"  {result.domain.name}: {shadowed} rules and scenarios are in shadow")
        with self.progress.doing("Starting the services"):
            self.supervisor.up(services(self.settings), lambda name, state: self.progress.say(f"  {name}: {state}"))
        with self.progress.doing("Waiting until Airflow has read the DAGs"), self._airflow() as airflow:
            for result in results:
                for stage in stages(result.domain):
                    airflow.wait_for_dag(f"{result.domain.name}__{stage}", _DAG_SECONDS)
        self._take_all_through(results)
        with self.progress.doing("Waiting until the console's queues are filled"):
            self._wait_for_queues([result.domain for result in results])
        return results

    def stop(self) -> list[str]:
        """Stop every service that was started."""
        return self.supervisor.down()

    def empty_home(self) -> None:
        """
        Make the home anew; an earlier demo's services are stopped and its files removed.

        Raises:
            ConfigError: It holds files that no demo made.
        """
        home = self.settings.home
        if home.is_dir() and any(home.iterdir()) and not (home / _MARK).exists():
            raise ConfigError(f"{home}: expected an empty folder or one of an earlier demo, found other files")
        if home.is_dir():
            self.supervisor.down()  # an earlier demo may have been killed
            shutil.rmtree(home)
        home.mkdir(mode=0o700, parents=True)
        (home / _MARK).touch()

    def _bring_in(self, domain: Domain, files: list[Path]) -> DomainResult:
        plan, folder = self.plan, self.settings.home / "source" / domain.name
        with self.progress.doing(f"{domain.name}: bringing in {plan.data} data"):
            ingested: list[source.Ingested] | None = None
            if plan.data == source.SIMULATED:
                found = source.simulate(domain, plan.size or domain.demo, folder, now=plan.now)
            else:
                key = ensure_pseudonym_key(self.settings.keys)
                found, ingested = source.replay(domain, plan.data, files, folder, now=plan.now, pseudonym_key=key)
            landed = source.ingest(domain, found, self.settings, now=plan.now)
        for table in landed:
            self.progress.say(f"  {table.table}: {table.landed:,} rows landed")
        return DomainResult(domain, note=found.note, ingested=ingested or landed)

    def _make_key(self) -> None:
        self.api_key = create_key(
            self.settings.api_keys,
            "demo",
            ["score:*", METRICS],
            created_at=self.plan.now,
            secret=secrets.token_bytes(32),
        )

    def _let_in(self) -> None:
        from riskloom.ledger.database import writing  # noqa: PLC0415
        from riskloom.ledger.desk import Desk  # noqa: PLC0415
        from riskloom.ledger.passwords import SALT_BYTES, hash_password  # noqa: PLC0415
        from riskloom.ledger.users import add_user  # noqa: PLC0415

        self.console_password = secrets.token_urlsafe(15)
        kept = hash_password(self.console_password, salt=secrets.token_bytes(SALT_BYTES))
        with writing(ledger_engine(self.settings)) as session:
            desk = Desk(session, audit_trail(self.settings), _DEMO, self.plan.now)
            add_user(desk, CONSOLE_USER, role="lead", password=kept)

    def _wait_for_queues(self, domains: Sequence[Domain]) -> None:
        """Until the ledger's service has brought in what was answered, and put what is to be looked at into cases."""
        from riskloom.ledger.backlog import measure_backlog  # noqa: PLC0415
        from riskloom.ledger.database import reading  # noqa: PLC0415
        from riskloom.ledger.queries import count_waiting_alerts, workload  # noqa: PLC0415

        engine, source = ledger_engine(self.settings), outbox_source(self.settings)
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            with reading(engine) as session:
                behind = sum(each.lines for each in measure_backlog(session, self.settings.decisions, source=source))
                behind += sum(count_waiting_alerts(session, domain.name) for domain in domains)
                open_cases = [workload(session, domain.name, at=datetime.now(UTC)).open_cases for domain in domains]
            if not behind:
                break
            if time.monotonic() > deadline:
                log = self.supervisor.log("ledger")
                raise ServiceError(
                    f"{behind:,} decisions and alerts still wait after {_READY_SECONDS:.0f} s; see {log}"
                )
            time.sleep(_POLL_SECONDS)
        for domain, cases in zip(domains, open_cases, strict=True):
            self.progress.say(f"  {domain.name}: {cases:,} cases are open")

    def _take_all_through(self, results: Sequence[DomainResult]) -> None:
        # Two: while one is built and trained, which takes both cores, the other is monitored and scored.
        pool = ThreadPoolExecutor(2, thread_name_prefix="demo")
        try:
            for done in [pool.submit(self._take_through, result) for result in results]:
                done.result()
        finally:
            # after Ctrl-C nobody waits for a run to end: the services stop, and with them what the threads ask
            pool.shutdown(wait=False, cancel_futures=True)

    def _take_through(self, result: DomainResult) -> None:
        try:
            with self._airflow() as airflow:
                self._run_stages(result, airflow)
            self._score(result)
        except RiskloomError as error:
            result.error = str(error)  # the summary tells it, and the other domains get their turn

    def _airflow(self) -> Airflow:
        return Airflow(urls(self.settings)["Airflow"], AIRFLOW_USER, airflow_password(self.settings))

    def _run_stages(self, result: DomainResult, airflow: Airflow) -> None:
        features, training, monitoring, *others = (f"{result.domain.name}__{stage}" for stage in stages(result.domain))
        # Only the first is triggered: each DAG announces what it made, and that starts the next. Monitoring is let run
        # once features are announced, which would start it as well, before there is a champion to watch.
        with self._building:
            for dag in (training, *others, features):
                airflow.unpause(dag)
            self._follow(features, airflow.trigger(features, {}), result, airflow)
            airflow.unpause(monitoring)
            for dag in others:
                self._follow(dag, airflow.wait_for_run(dag, _ASSET_SECONDS), result, airflow)
            self._read_watches(result)
            self._read_assessments(result)
            self._follow(training, airflow.wait_for_run(training, _ASSET_SECONDS), result, airflow)
            self._read_champion(result)
        self._follow(monitoring, airflow.wait_for_run(monitoring, _ASSET_SECONDS), result, airflow)
        self._read_verdict(result)

    def _follow(self, dag: str, run_id: str, result: DomainResult, airflow: Airflow) -> None:
        with self.progress.doing(f"Airflow: {dag} runs"):
            run = airflow.follow(dag, run_id, partial(self._report_task, dag), _RUN_SECONDS)
        result.runs.append(run)
        if not run.is_success:
            raise ServiceError(f"{dag} did not succeed, so nothing after it was tried; logs: {self.supervisor.logs}")

    def _report_task(self, dag: str, task: str, state: str) -> None:
        """Say what ended; of the models that dbt built only how many there are would be news, so those that failed."""
        is_model = task.startswith("dbt.") and task.endswith("_run")
        if state in {"failed", "upstream_failed", "up_for_retry"} or (state in _ENDED and not is_model):
            self.progress.say(f"  {dag}: {task}: {state}")
        else:
            self.progress.now(f"{dag}: {task}: {state}")

    def _read_champion(self, result: DomainResult) -> None:
        from riskloom.registry import ModelStore, load_model, read_record  # noqa: PLC0415

        name, settings = result.domain.name, self.settings
        result.version = read_record(settings.registry, name).champion
        if result.version is None:
            raise ServiceError("training ended without a champion")
        store = ModelStore(home=settings.bentoml_home, keys=settings.keys)
        result.model = load_model(store, name, result.version).manifest
        self.progress.say(f"  {name}: champion is version {result.version} ({result.model.kind})")

    def _score(self, result: DomainResult) -> None:
        domain, url = result.domain, urls(self.settings)["Scoring service"]
        events = read_events(domain, self.settings.home / "source" / domain.name / "live", self.plan.live_events)
        with self.progress.doing(f"{domain.name}: sending {len(events):,} live events to {url}"):
            wait_until_scored(url, domain, _READY_SECONDS)
            result.live = send(
                url,
                domain,
                self.api_key,
                events,
                connections=self.plan.connections,
                report=lambda number: self.progress.now(f"{number:,} of {len(events):,} events answered"),
            )
        outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in result.live.outcomes.most_common())
        self.progress.say(f"  {domain.name}: {outcomes}")

    def _read_watches(self, result: DomainResult) -> None:
        from riskloom.watch import read_latest  # noqa: PLC0415

        found = [read_latest(self.settings.watch, result.domain.name, watch.entity) for watch in result.domain.watch]
        result.watches = [report for report in found if report is not None]

    def _read_assessments(self, result: DomainResult) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415

        for assessment in result.domain.assessment:
            files = sorted((self.settings.assessments / result.domain.name / assessment.entity).glob("*.parquet"))
            if files:
                outcomes = pq.read_table(files[-1], columns=["outcome"])["outcome"].to_pylist()
                result.assessed[assessment.entity] = Counter(outcomes)

    def _read_verdict(self, result: DomainResult) -> None:
        from riskloom.monitoring import read_latest  # noqa: PLC0415

        result.verdict = read_latest(self.settings.monitoring, result.domain.name)


def stages(domain: Domain) -> tuple[str, ...]:
    """The stages of a domain that have a DAG: those that every domain has, then what it declares besides."""
    declared = {"watch": domain.watch, "assessment": domain.assessment}
    return ("features", "training", "monitoring", *(stage for stage, subjects in declared.items() if subjects))


def problems(results: Sequence[DomainResult]) -> list[str]:
    """Everything that is not as it should be, over all domains."""
    return [problem for result in results for problem in result.problems]
