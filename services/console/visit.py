"""What the console holds, and what a page gets of one request."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from riskloom.catalog import Domain
from riskloom.errors import NotInLedgerError
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.desk import Desk
from riskloom.ledger.sessions import SignedIn
from riskloom.lifecycle.publishing import Controls
from services.console.models import ModelShelf
from services.console.population import Populations
from services.console.rulebook import DeclaredRules
from services.console.trials import Trials
from services.console.vocabularies import Vocabularies

_WHOLE = re.compile("[0-9]{1,9}")
_PURPOSE = b"riskloom console form v1\n"


@dataclass(frozen=True, slots=True)
class Console:
    """
    Everything pages work with; each can be put in by a test.

    Attributes:
        engine: The ledger.
        trail: Where what people do is audited.
        domains: Their declarations by name.
        rules: What the domains' files declare.
        controls: Where steps of rules and lists are done and published.
        vocabularies: What rules may speak of.
        trials: Back-tests that people ask for.
        models: Who is champion, and what is known of it.
        populations: What values features usually have.
        clock: The time, timezone-aware.
        new_id: A name, never the same twice.
        new_token: 256 random bits as text.
    """

    engine: Engine
    trail: AuditTrail
    domains: Mapping[str, Domain]
    rules: DeclaredRules
    controls: Controls
    vocabularies: Vocabularies
    trials: Trials
    models: ModelShelf
    populations: Populations
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    new_token: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Visit:
    """
    One request, once the guard has let it through.

    Attributes:
        console: What the page works with.
        request: As it came; its body is read already.
        at: Its time, timezone-aware; the same for everything that is done for it.
        token: What the browser keeps: of the session, or a passing one while nobody is logged in.
        user: Who is logged in; None on pages that are open to everybody.
        form: The fields of a form that was sent.
    """

    console: Console
    request: Request
    at: datetime
    token: str
    user: SignedIn | None
    form: Mapping[str, str]

    @property
    def who(self) -> SignedIn:
        """
        Who is logged in.

        Raises:
            LookupError: The page is open to everybody, and asks all the same.
        """
        if self.user is None:
            raise LookupError(f"{self.request.url.path}: nobody needs to be logged in here, so nobody may be")
        return self.user

    @property
    def csrf(self) -> str:
        """What each form of this visitor carries, and no other site can know."""
        return form_token(self.token)

    @property
    def query(self) -> QueryParams:
        """What stands behind the question mark."""
        return self.request.query_params

    def path(self, name: str) -> str:
        """A part of the address, by its name in the route."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str | None:
        """A parameter of the address; None where it is missing or empty."""
        return self.query.get(name, "").replace("\0", "").strip() or None

    def domain(self, name: str) -> Domain:
        """A declared domain; raises NotInLedgerError for any other name."""
        if name not in self.console.domains:
            raise NotInLedgerError("domain", name)
        return self.console.domains[name]

    def whole(self, name: str) -> int | None:
        """A whole number of the form, such as the step that was seen; None of anything else."""
        return _whole(self.form.get(name, ""))

    def asked_whole(self, name: str) -> int | None:
        """A whole number of the address, such as a version; None of anything else."""
        return _whole(self.query.get(name, ""))

    def desk(self, session: Session) -> Desk:
        """The visitor's desk in a writing transaction."""
        return Desk(session, self.console.trail, self.who.name, self.at)


Handler = Callable[[Visit], Response]


def form_token(token: str) -> str:
    """What stands in a form of whoever has this token: bound to it, and of no use to find it."""
    return hmac.new(token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text.strip()) else None
