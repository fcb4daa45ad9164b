"""
Evidently's workspace: a project a domain, its dashboard, and its snapshots over time.

Identifiers are derived from names and times (RFC 9562, UUID version 5), so that a rerun finds what it made before. The
Evidently UI may be reading meanwhile, and a half-written file would end its file watcher: files are written aside and
then linked into place, which the watcher sees as created whole.

Importing this module imports Evidently (seconds): import it inside functions.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evidently.sdk.models import ProjectModel
from evidently.ui.storage.local.base import LocalState

from riskloom.catalog import Domain
from riskloom.monitoring.dashboard import build_dashboard

#: Snapshots kept a domain; the UI reads all of them at its start and keeps them in memory.
KEPT_SNAPSHOTS = 120
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "riskloom:monitoring")


def project_id(domain: str) -> uuid.UUID:
    """The identifier of a domain's project."""
    return uuid.uuid5(_NAMESPACE, domain)


def snapshot_id(domain: str, as_of: datetime, kind: str) -> uuid.UUID:
    """The identifier of a domain's snapshot of one kind at ``as_of`` (timezone-aware)."""
    return uuid.uuid5(_NAMESPACE, f"{domain}/{kind}/{as_of.astimezone(UTC).isoformat()}")


def prepare(workspace: Path, domains: Iterable[Domain]) -> None:
    """Make the workspace with a project and its dashboard for each domain; what exists is brought up to date."""
    workspace.mkdir(parents=True, exist_ok=True)
    for domain in domains:
        identifier = project_id(domain.name)
        project = ProjectModel(id=identifier, name=domain.title, description=" ".join(domain.description.split()))
        with TemporaryDirectory(dir=workspace.parent, prefix=".draft-") as folder:
            draft = LocalState(folder)
            draft.write_project(project)
            draft.write_dashboard(identifier, build_dashboard(domain))
            (workspace / str(identifier) / "snapshots").mkdir(parents=True, exist_ok=True)
            for name in ("metadata.json", "dashboard.json"):
                _put(Path(folder) / str(identifier) / name, workspace / str(identifier) / name)


def add_snapshot(workspace: Path, domain: Domain, kind: str, report: Any, as_of: datetime) -> Path:
    """Add a finished report to a domain's project; one of the same kind and ``as_of`` is replaced."""
    project, snapshot = project_id(domain.name), snapshot_id(domain.name, as_of, kind)
    with TemporaryDirectory(dir=workspace.parent, prefix=".draft-") as folder:
        LocalState(folder).write_snapshot(project, snapshot, report.to_snapshot_model())
        path = Path(str(project), "snapshots", f"{snapshot}.json")
        _put(Path(folder) / path, workspace / path)
    return workspace / path


def remove_snapshot(workspace: Path, domain: Domain, kind: str, as_of: datetime) -> None:
    """Remove what an earlier run left of a kind that the present one does not have."""
    snapshot = snapshot_id(domain.name, as_of, kind)
    (workspace / str(project_id(domain.name)) / "snapshots" / f"{snapshot}.json").unlink(missing_ok=True)


def prune(workspace: Path, domain: Domain, keep: int = KEPT_SNAPSHOTS) -> int:
    """Remove the snapshots with the oldest ``as_of`` beyond ``keep``; gives how many."""
    state = LocalState(str(workspace))
    project = project_id(domain.name)
    dated = sorted((state.read_snapshot(project, found).timestamp, found) for found in state.list_snapshots(project))
    surplus = dated[:-keep] if keep else dated
    for _, found in surplus:
        state.delete_snapshot(project, found)
    return len(surplus)


def _put(draft: Path, target: Path) -> None:
    if target.exists() and target.read_bytes() == draft.read_bytes():
        return
    target.unlink(missing_ok=True)
    target.hardlink_to(draft)
