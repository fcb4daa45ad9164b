"""Lists: who is on one, since when, until when and why; and the steps by which members come and go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast, get_args
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from riskloom.errors import NotInLedgerError, RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import ListEntry, ListKind
from riskloom.lifecycle import lists
from riskloom.lifecycle.members import concealed_column, member_of
from services.console.pages.problems import typed_in
from services.console.pages.rules import may_work
from services.console.rendering import render
from services.console.rule_notices import StepNotice
from services.console.visit import Visit

_MOST_ENTRIES = 200
_MOST_DAYS = 3650
DONE = {
    "opened": "The list is open; conditions that name it see its members from now on.",
    "added": "The value is on the list; the scoring service takes it over within a second.",
    "expires": "The member's time is said anew.",
    "removed": "The value is off the list; the scoring service takes it over within a second.",
}
#: Whether an entry counts, and why not.
EntryState = Literal["on", "over", "removed"]


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry and whether it counts now."""

    entry: ListEntry
    state: EntryState


def show(visit: Visit) -> Response:
    """The page of a list."""
    return _page(visit)


def open_(visit: Visit) -> Response:
    """Begin to keep a list that the domain declares."""
    kind, owner = visit.form.get("kind", ""), visit.form.get("owner", "").strip()
    if kind not in get_args(ListKind) or not owner:
        return _page(visit, status=422, wrong={"owner": "Say who answers for its members."})
    domain = visit.domain(visit.path("domain"))
    declared = visit.console.rules.of(domain).lists

    def run(desk: Desk, name: str, reason: str) -> None:
        kept = cast("ListKind", kind)
        lists.open_list(desk, domain.name, name, kind=kept, owner=owner, reason=reason, declared=declared)

    return _do(visit, run, field="open.reason", done="opened")


def add(visit: Visit) -> Response:
    """Put a value on the list, until its days are over or somebody removes it."""
    days = _days(visit)
    if isinstance(days, str):
        return _page(visit, status=422, wrong={"add.days": days})
    entry_id, domain = visit.console.new_id(), visit.path("domain")

    def run(desk: Desk, name: str, reason: str) -> None:
        until = None if days is None else desk.at + days
        lists.add_member(desk, domain, name, _value(visit), entry_id=entry_id, reason=reason, expires_at=until)

    return _do(visit, run, field="add.reason", done="added")


def expire(visit: Visit) -> Response:
    """Say anew when a member's time is over."""
    days = _days(visit)
    if days is None or isinstance(days, str):
        return _page(visit, status=422, wrong={f"days {_value(visit)}": days or "Say after how many days."})
    domain = visit.path("domain")

    def run(desk: Desk, name: str, reason: str) -> None:
        lists.expire_member(desk, domain, name, _value(visit), expires_at=desk.at + days, reason=reason)

    return _do(visit, run, field=f"reason {_value(visit)}", done="expires")


def remove(visit: Visit) -> Response:
    """Take a member off the list."""
    domain = visit.path("domain")

    def run(desk: Desk, name: str, reason: str) -> None:
        lists.remove_member(desk, domain, name, _value(visit), reason=reason)

    return _do(visit, run, field=f"reason {_value(visit)}", done="removed")


def _do(visit: Visit, run: Callable[[Desk, str, str], None], *, field: str, done: str) -> Response:
    domain, name = visit.domain(visit.path("domain")).name, visit.path("name")
    if not (reason := visit.form.get("reason", "").strip()):
        return _page(visit, status=422, wrong={field: "Say why: it stands beside the member."})
    try:
        with visit.console.controls.commanding(domain, visit.who.name) as desk:
            run(desk, name, reason)
    except NotInLedgerError as error:
        if error.kind == "list":
            raise
        advice = (
            f"{_value(visit)} is no member now: its time is over, or somebody removed it. Below is the list as it is."
        )
        return _page(visit, status=409, notice=StepNotice("Nothing was done.", advice, typed=typed_in(visit.form)))
    except RefusedStepError as error:
        notice = StepNotice("This step cannot be done.", f"{error}.", typed=typed_in(visit.form))
        return _page(visit, status=409, notice=notice)
    return RedirectResponse(f"/lists/{domain}/{quote(name)}?done={done}", status_code=303)


def _page(
    visit: Visit, *, status: int = 200, notice: StepNotice | None = None, wrong: Mapping[str, str] | None = None
) -> Response:
    domain, name, asked = visit.domain(visit.path("domain")), visit.path("name"), visit.asked("value")
    value = None if asked is None else _kept(visit, asked)
    declared = visit.console.rules.of(domain).lists
    with reading(visit.console.engine) as session:
        kept = lists.get_list(session, domain.name, name)
        if kept is None and name not in declared:
            raise NotInLedgerError("list", f"{domain.name}/{name}")
        entries = lists.entries_of(session, domain.name, name, value=value, limit=_MOST_ENTRIES)
    shown = [_shown(entry, visit) for entry in entries]
    return render(
        visit,
        "list.html",
        status=status,
        domain=domain,
        name=name,
        kept=kept,
        holds=declared.get(name, "The domain declares it no longer, so no condition may name it."),
        present=[each for each in shown if each.state != "removed"],
        removed=[each for each in shown if each.state == "removed"],
        value=value,
        is_concealed=concealed_column(domain, name) is not None,
        most=_MOST_ENTRIES,
        may_work=may_work(visit),
        notice=notice,
        wrong=wrong or {},
        typed=defaultdict(str, visit.form if notice or wrong else {}),
        done=DONE.get(visit.query.get("done", "")),
    )


def _shown(entry: ListEntry, visit: Visit) -> ShownEntry:
    if entry.removed_at is not None:
        return ShownEntry(entry, "removed")
    is_over = entry.expires_at is not None and entry.expires_at <= visit.at
    return ShownEntry(entry, "over" if is_over else "on")


def _value(visit: Visit) -> str:
    """The member that a form is about, as the list keeps it."""
    return _kept(visit, visit.form.get("value", "").strip())


def _kept(visit: Visit, text: str) -> str:
    domain, key = visit.domain(visit.path("domain")), visit.console.controls.pseudonym_key
    return member_of(domain, visit.path("name"), text, pseudonym_key=key)


def _days(visit: Visit) -> timedelta | str | None:
    """For how long; None where nothing was said; a text that says what is wrong with it."""
    text = visit.form.get("days", "").strip()
    if not text:
        return None
    try:
        days = float(text)
    except ValueError:
        return "Expected a number of days."
    return timedelta(days=days) if 0 < days <= _MOST_DAYS else f"Expected more than 0 and at most {_MOST_DAYS} days."
