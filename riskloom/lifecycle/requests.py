"""Take into the ledger what services have asked for: rules that flooded are put back to the shadow."""

from __future__ import annotations

from riskloom.errors import NotInLedgerError
from riskloom.ledger.desk import Desk
from riskloom.lifecycle.floods import FloodRequest, read_requests
from riskloom.lifecycle.publishing import Controls
from riskloom.lifecycle.stages import move, rule_state
from riskloom.lifecycle.transitions import Placement

#: Who is named in the ledger for what a service did.
SERVICE = "scoring service"


def take_requests(controls: Controls, domain: str) -> tuple[FloodRequest, ...]:
    """
    Do what services asked for and publish it; a request about a rule that has moved since is void.

    A request's file goes once its step is committed: a process that ends in between leaves it, and it is void then.

    Returns:
        The requests that were done.
    """
    done = []
    for path, request in read_requests(controls.folder, domain):
        with controls.commanding(domain, SERVICE) as desk:
            is_done = _take(desk, request)
        path.unlink(missing_ok=True)
        if is_done:
            done.append(request)
    return tuple(done)


def _take(desk: Desk, request: FloodRequest) -> bool:
    state = rule_state(desk.session, request.domain, request.rule_id)
    try:
        place = state.placement(request.version)
    except NotInLedgerError:
        return False
    if state.arrivals[request.version] != request.step or place.reach == 0:
        return False
    move(desk, request.domain, request.rule_id, request.version, Placement("shadow"), reason=request.reason)
    return True
