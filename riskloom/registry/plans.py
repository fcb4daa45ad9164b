"""
The read plans of model versions, signed: ``plans/<domain>/<version>.json`` beside the records.

A version's plan is put in place before the record names the version, and renewed when features are published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from riskloom.contracts import mistakes_from
from riskloom.errors import PlanError, SignatureError
from riskloom.features.read_plan import ReadPlan
from riskloom.registry.files import read_plain, replace_file
from riskloom.registry.manifest import Digest
from riskloom.registry.signing import sign, verify

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PLANS = "plans"
_PURPOSE = "read plan"

#: Makes the plan of a version, by domain, version and the model's features; raises PlanError where one is not given.
CompilePlan = Callable[[str, str, Sequence[str]], ReadPlan]


class _Signed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    plan: ReadPlan
    digest: Digest
    signature: str


def plan_path(folder: Path, domain: str, version: str) -> Path:
    """Where a version's plan is; ``folder`` is that of the records."""
    return folder / PLANS / domain / f"{version}.json"


def write_plan(folder: Path, plan: ReadPlan, key: Ed25519PrivateKey) -> Path:
    """Put a plan in place, signed; a reader sees the one before or this one."""
    path = plan_path(folder, plan.domain, plan.version)
    signature = sign(key, _PURPOSE, plan.to_bytes()).decode().strip()
    signed = _Signed(plan=plan, digest=plan.digest, signature=signature)
    replace_file(path, signed.model_dump_json(indent=2).encode() + b"\n")
    return path


def read_plan(folder: Path, domain: str, version: str, key: Ed25519PublicKey) -> ReadPlan:
    """
    The plan of a version.

    Raises:
        PlanError: There is none.
        SignatureError: It was changed, is of another model, or none of this release.
    """
    path = plan_path(folder, domain, version)
    if not path.exists():
        raise PlanError(
            f"{path}: no read plan of version {version} of {domain}; "
            f"`riskloom read-plan {domain} {version} --renew` compiles it, or says why it cannot be"
        )
    try:
        signed = _Signed.model_validate_json(read_plain(path.parent, path.name))
    except ValidationError as error:
        raise SignatureError(str(mistakes_from(error, str(path))[0])) from error
    verify(key, _PURPOSE, signed.plan.to_bytes(), signed.signature.encode(), file=str(path))
    plan = signed.plan
    if signed.digest != plan.digest:
        raise SignatureError(f"{path}: digest: expected {plan.digest}, found {signed.digest}")
    if (plan.domain, plan.version) != (domain, version):
        raise SignatureError(
            f"{path}: expected the plan of version {version} of {domain}, "
            f"found that of version {plan.version} of {plan.domain}"
        )
    return plan


def plans_stamp(folder: Path, domain: str) -> object:
    """What changes when one of a domain's plans is replaced, comes or goes."""
    try:
        found = [(path.name, path.stat()) for path in (folder / PLANS / domain).glob("*.json")]
    except OSError as error:  # one went while it was looked at
        return error.errno
    return tuple(sorted((name, stat.st_ino, stat.st_mtime_ns) for name, stat in found))
