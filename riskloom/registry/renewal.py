"""Compile the plans of champions anew when features are published, so that none reads by what is declared no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from riskloom.errors import PlanError, RegistryError, SignatureError
from riskloom.features.read_plan import ReadPlan
from riskloom.registry.model import read_manifest
from riskloom.registry.plans import CompilePlan, plan_path, read_plan, write_plan
from riskloom.registry.record import changing, read_record
from riskloom.registry.signing import ensure_signing_key, load_public_key
from riskloom.registry.store import ModelStore


@dataclass(frozen=True, slots=True)
class Renewed:
    """
    What became of the plans of a domain.

    Attributes:
        written: Versions whose plan is another one now.
        same: Versions whose plan says what it said.
        gone: Versions that cannot be served any more, with the reason; their plans were taken away.
    """

    written: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()

    def lines(self) -> Iterator[str]:
        """What people should know of it."""
        for version in self.written:
            yield f"version {version} reads by another plan from now on: what it reads was declared otherwise"
        for version, why in self.gone:
            yield f"version {version} cannot be put in service any more: {why}"


def renew_plans(folder: Path, store: ModelStore, domain: str, *, compile_plan: CompilePlan) -> Renewed:
    """
    Compile the plans of the champion and of those it could be rolled back to.

    A version of which a feature is given no more loses its plan: it reads by what nobody keeps up, so it is neither put
    in service nor returned to. That is told and is no error, as a model without the feature may be trained next.

    Args:
        folder: Where the records and plans are.
        store: Where the models are, and the key that signs.
        domain: Whose plans.
        compile_plan: Makes a plan from what is declared now.

    Raises:
        FeatureError: What is declared cannot be read.
        CatalogError: Something is declared wrongly.
    """
    written: list[str] = []
    same: list[str] = []
    gone: list[tuple[str, str]] = []
    with changing(folder, domain):
        for version in dict.fromkeys(read_record(folder, domain).champions):
            try:
                is_new = renew_plan(folder, store, domain, version, compile_plan=compile_plan)
            except RegistryError as error:
                if isinstance(error, PlanError):
                    plan_path(folder, domain, version).unlink(missing_ok=True)
                gone.append((version, str(error)))
            else:
                (written if is_new else same).append(version)
    return Renewed(tuple(written), tuple(same), tuple(gone))


def renew_plan(folder: Path, store: ModelStore, domain: str, version: str, *, compile_plan: CompilePlan) -> bool:
    """
    Compile the plan of one version; whether it is another one now.

    Raises:
        PlanError: Nothing gives one of the model's features.
        RegistryError: There is no such version.
        SignatureError: The model's manifest is not what was signed.
    """
    manifest = read_manifest(store.folder(domain, version), load_public_key(store.keys))
    plan = compile_plan(domain, version, manifest.feature_names)
    if _is_in_place(folder, store, plan):
        return False
    write_plan(folder, plan, ensure_signing_key(store.keys))
    return True


def _is_in_place(folder: Path, store: ModelStore, plan: ReadPlan) -> bool:
    try:
        return read_plan(folder, plan.domain, plan.version, load_public_key(store.keys)).digest == plan.digest
    except (PlanError, SignatureError):  # there is none, or none that could be used
        return False
