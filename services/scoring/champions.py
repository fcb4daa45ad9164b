"""The champion of each domain and its read plan, kept current with what is on disk while the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import structlog

from riskloom.catalog import Domain
from riskloom.errors import NotBootstrappedError, PlanError, RiskloomError, SignatureError
from riskloom.features import ReadPlan
from services.scoring.beside import Beside, ServedCanary, put_beside, served_canary
from services.scoring.ports import Backend, Model, View

#: How soon a champion that would not load is tried again.
RETRY_SECONDS = 10.0

#: Why a model is not in service that the record names, or does not read by the plan that it should.
Trouble = Literal[
    "loading",
    "no_champion",
    "signature_wrong",
    "plan_missing",
    "plan_wrong",
    "features_unknown",
    "features_unread",
    "windows_empty",
    "load_failed",
    "record_unreadable",
]
_log = structlog.get_logger("scoring.champions")


@dataclass(frozen=True, slots=True)
class Champion:
    """
    A model in service.

    ``plan`` is what its features are read by; ``names`` are the features it takes, in order; ``views`` those it takes
    them from, ``view_features`` the features that all views together give.
    """

    version: str
    model: Model
    plan: ReadPlan
    names: tuple[str, ...]
    views: tuple[View, ...]
    view_features: frozenset[str]


@dataclass(frozen=True, slots=True)
class Post:
    """
    What holds for one domain: the model in service, the champion of the record, and why the two differ.

    It is replaced whole: whoever took one decides by it to the end.
    """

    serving: Champion | None = None
    champion: str | None = None
    trouble: Trouble | None = "loading"
    canary: ServedCanary | None = None
    shadow: Beside | None = None

    def model_for(self, event: Mapping[str, Any], *, entity: str, subject: str) -> Champion | None:
        """
        Who decides an event; None where nobody can.

        A person stays with one model. Where the event names no entity there is nobody to stay: its subject's key
        chooses, so that a canary sees its share of such events too, and the same event again meets the same model.

        Args:
            event: Values by column.
            entity: The column that names whom the subject belongs to.
            subject: The column of the subject's key.
        """
        canary = self.canary
        if canary is None:
            return self.serving
        named = event.get(entity)
        return canary.beside.model if canary.takes(str(event[subject] if named is None else named)) else self.serving

    @property
    def besides(self) -> Iterator[tuple[str, Beside]]:
        """The versions beside the champion, with their part."""
        if self.canary is not None:
            yield "canary", self.canary.beside
        if self.shadow is not None:
            yield "shadow", self.shadow


class Champions:
    """
    Hold and renew the champions; a champion that does not load leaves the one before it in service.

    Args:
        domains: The declared domains by name.
        backend: Where models come from.
        clock: Seconds that only go forward.
        prepare: Awaited with the domain's name and its plan before a new champion takes over; raises
            NotBootstrappedError where it cannot yet.
        on_failure: Told the name of a domain whose champion did not load.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        backend: Backend,
        *,
        clock: Callable[[], float],
        prepare: Callable[[str, ReadPlan], Awaitable[None]],
        on_failure: Callable[[str], None],
    ) -> None:
        self._domains = domains
        self._posts = {name: Post() for name in domains}
        self._stamps: dict[str, object] = {}
        self._retry_at: dict[str, float] = {}
        self._backend = backend
        self._clock = clock
        self._prepare = prepare
        self._on_failure = on_failure

    def __getitem__(self, domain: str) -> Post:
        return self._posts[domain]

    async def refresh(self) -> None:
        """Look at each record once, and put a new champion in service where there is one."""
        for domain in self._posts:
            stamp = await asyncio.to_thread(self._backend.stamp, domain)
            is_new = domain not in self._stamps or stamp != self._stamps[domain]
            if is_new or self._clock() >= self._retry_at.get(domain, float("inf")):
                self._retry_at.pop(domain, None)
                self._stamps[domain] = stamp
                await self._renew(domain)

    async def _renew(self, domain: str) -> None:
        before = self._posts[domain]
        after = await asyncio.to_thread(self._look, domain, before)
        if after.serving is not None and after.serving is not before.serving:
            try:
                await self._prepare(domain, after.serving.plan)
            except NotBootstrappedError:
                _log.exception("windows_empty", domain=domain, version=after.serving.version)
                after = replace(before, champion=after.champion, trouble="windows_empty")
        self._posts[domain] = after
        version = after.serving.version if after.serving else None
        if after.trouble not in {None, "no_champion"}:
            self._retry_at[domain] = self._clock() + RETRY_SECONDS
            self._on_failure(domain)
            _log.error("champion_refused", domain=domain, champion=after.champion, serving=version, why=after.trouble)
        elif after.serving is not before.serving:
            plan = after.serving.plan.digest if after.serving else None
            _log.info("champion_in_service", domain=domain, version=version, plan=plan)
        self._tell(domain, before, after)

    def _tell(self, domain: str, before: Post, after: Post) -> None:
        """Say what became of the versions beside the champion, and try again those that were refused."""
        known = dict(before.besides)
        for part, beside in after.besides:
            if beside.trouble not in {None, "no_champion"}:
                self._retry_at[domain] = self._clock() + RETRY_SECONDS
                self._on_failure(domain)
                _log.error("beside_refused", domain=domain, part=part, version=beside.version, why=beside.trouble)
            elif known.get(part) != beside:
                _log.info("beside_in_service", domain=domain, part=part, version=beside.version)

    def _look(self, domain: str, before: Post) -> Post:
        try:
            record = self._backend.record(domain)
        except (RiskloomError, OSError):
            _log.exception("record_unreadable", domain=domain)
            return replace(before, trouble="record_unreadable")
        after = self._look_at_champion(domain, record.champion, before)
        beside = partial(put_beside, serving=after.serving, open_model=partial(self._open, domain, "features_unread"))
        return replace(
            after,
            canary=served_canary(record.canary, before.canary, beside),
            shadow=None if record.shadow is None else beside(record.shadow, before.shadow),
        )

    def _look_at_champion(self, domain: str, version: str | None, before: Post) -> Post:
        if version is None:
            return Post(trouble="no_champion")
        plan = self._read_plan(domain, version)
        if not isinstance(plan, ReadPlan):
            return replace(before, champion=version, trouble=plan)
        serving = before.serving
        if serving is not None and (serving.version, serving.plan.digest) == (version, plan.digest):
            return Post(serving, version, None)
        opened = self._open(domain, "features_unknown", version, plan)
        if isinstance(opened, Champion):
            return Post(opened, version, None)
        return replace(before, champion=version, trouble=opened)

    def _read_plan(self, domain: str, version: str) -> ReadPlan | Trouble:
        try:
            return self._backend.plan(domain, version)
        except PlanError:
            _log.exception("plan_missing", domain=domain, version=version)
            return "plan_missing"
        except (RiskloomError, OSError):
            _log.exception("plan_wrong", domain=domain, version=version)
            return "plan_wrong"

    def _open(self, domain: str, lacking: Trouble, version: str, plan: ReadPlan) -> Champion | Trouble:
        """Open a version whose features are read by a plan; ``lacking`` says that the plan does not give them all."""
        try:
            model = self._backend.load(domain, version)
            names = model.manifest.feature_names
            warm_up(model)
        except SignatureError:
            _log.exception("signature_wrong", domain=domain, version=version)
            return "signature_wrong"
        except Exception:  # noqa: BLE001 - whatever a model's library raises: the champion before it stays
            _log.exception("load_failed", domain=domain, version=version)
            return "load_failed"
        wanted = set(names) - set(self._domains[domain].request_features)
        if unknown := wanted - plan.given:
            _log.error(lacking, domain=domain, version=version, features=sorted(unknown))
            return lacking
        used = tuple(view for view in plan.reads.views if wanted & view.features.keys())
        return Champion(version, model, plan, names, used, plan.given)


def warm_up(model: Model) -> None:
    """
    Score and explain one row before an event comes: the first time takes longest, and shows a model that cannot.

    Raises whatever the model's library raises.
    """
    nothing = np.full(len(model.manifest.feature_names), np.nan)
    model.predict_one(nothing)
    model.top_features(nothing, 1)
