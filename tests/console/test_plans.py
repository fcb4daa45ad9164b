"""What pages ask of the ledger runs along indexes, however large it is."""

from __future__ import annotations

from riskloom.ledger.schema import Base
from tests.console.world import DOMAINS, World
from tests.plans import plans_of

FIRST = next(iter(DOMAINS))
#: In the order of its key, as far as a page goes.
READ_FROM_ITS_END = "audit_events"


def addresses(world: World) -> list[str]:
    """Every page that shows rows, with what can be asked of it."""
    case = world.cases(FIRST)[0]
    queues = [f"/queue?domain={FIRST}&state={state}&order={order}"
              for state in ("", "claimed", "escalated", "snoozed") for order in ("priority", "due")]  # fmt: skip
    filters = ("", "&outcome=block", f"&entity={case.entity}", "&subject=s-1", f"&entity={case.entity}&outcome=block")
    lists = [f"/decisions?domain={FIRST}{asked}" for asked in filters]
    return ["/", "/queue?mine=1", f"/cases/{case.case_id}", f"/decisions/{FIRST}-0", "/find?q=nobody", "/audit",
            f"/audit?kind=cases&object={case.case_id}", "/models", "/rules", *queues, *lists]  # fmt: skip


def test_no_page_reads_a_whole_table(world: World) -> None:
    """SQLite plans to search in each table that a page asks."""
    with world.visitor("lea") as client:
        for address in addresses(world):
            with plans_of(world.engine) as plans:
                assert client.get(address).status_code in {200, 404}
            assert any(plan.startswith("SEARCH") for plan in plans)
            scanned = {plan.split()[1] for plan in plans if plan.startswith("SCAN")}
            assert scanned & Base.metadata.tables.keys() <= ({READ_FROM_ITS_END} if address == "/audit" else set()), (
                address
            )
