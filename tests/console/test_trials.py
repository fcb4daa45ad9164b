"""Back-tests that people ask for: one at a time, a few in a queue, each with its end or its reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from riskloom.errors import RefusedStepError, ServiceError
from services.console.trials import MOST_WAITING, CommandRunner, Order, Trials
from tests.console.world import PROGRAM, Clock, World, forms, send
from tests.console.writing import FIRST, PAGE, RULE, source, submit, write
from tests.services.conftest import wait_until

ORDER = Order("some_domain", "some_rule", 1, "eve")


@dataclass
class Gate:
    """A runner that goes on when it is let, and fails for rules that are called so."""

    may_go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ran: list[Order] = field(default_factory=list)
    at_once: list[int] = field(default_factory=list)
    inside: int = 0

    def run(self, order: Order) -> None:
        """Wait, then end as the rule's name says."""
        self.inside += 1
        self.at_once.append(self.inside)
        assert self.may_go.acquire(timeout=20)
        self.inside -= 1
        self.ran.append(order)
        if order.rule_id == "fails":
            raise ServiceError("nothing has landed yet")
        if order.rule_id == "breaks":
            raise LookupError

    def stop(self) -> None:
        """Let everything go."""
        self.may_go.release(100)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A runner whose thread does not outlive the test."""
    made = Gate()
    yield made
    made.stop()


def test_one_runs_at_a_time_and_a_few_wait(gate: Gate) -> None:
    """In their order; one more is refused; the same again is the one that waits."""
    trials = Trials(gate, clock=Clock())
    orders = [replace(ORDER, rule_id=f"rule_{number}") for number in range(MOST_WAITING + 1)]
    first = trials.ask("t-0", orders[0])
    wait_until(lambda: gate.inside == 1)
    asked = [trials.ask(f"t-{number}", order) for number, order in enumerate(orders[1:], 1)]
    assert trials.ask("another", orders[0]).trial_id == first.trial_id
    with pytest.raises(RefusedStepError, match="ask again later"):
        trials.ask("too-many", replace(ORDER, rule_id="one_more"))
    last = trials.find(asked[-1].trial_id)
    assert last is not None
    assert (last.state, last.ahead) == ("waiting", MOST_WAITING)
    gate.may_go.release(MOST_WAITING + 1)
    wait_until(lambda: (trials.find(asked[-1].trial_id) or first).is_over)
    assert gate.ran == orders
    assert gate.at_once == [1] * len(orders)


def test_one_that_fails_says_why_and_the_next_runs(gate: Gate) -> None:
    """Also where the mistake is ours."""
    trials = Trials(gate, clock=Clock())
    gate.may_go.release(3)
    for name in ("fails", "breaks", "works"):
        trials.ask(name, replace(ORDER, rule_id=name))
    wait_until(lambda: (found := trials.find("works")) is not None and found.is_over)
    states = {name: trials.find(name) for name in ("fails", "breaks", "works")}
    assert {name: found and found.state for name, found in states.items()} == {
        "fails": "failed", "breaks": "failed", "works": "done",
    }  # fmt: skip
    assert states["fails"] is not None
    assert states["fails"].problem == "nothing has landed yet"
    assert trials.open_of("some_domain", "works") is None


def test_a_command_that_takes_too_long_is_ended() -> None:
    """And one that is stopped, or fails without a word, is no success either."""
    with pytest.raises(ServiceError, match="longer than 1 s"):
        CommandRunner(["sh", "-c", "sleep 60"], {"PATH": "/usr/bin:/bin"}, most_seconds=1).run(ORDER)
    with pytest.raises(ServiceError, match="code 3 and said nothing"):
        CommandRunner(["sh", "-c", "exit 3"], {"PATH": "/usr/bin:/bin"}).run(ORDER)
    runner = CommandRunner(["sh", "-c", "sleep 60"], {"PATH": "/usr/bin:/bin"})
    threading.Timer(0.5, runner.stop).start()
    with pytest.raises(ServiceError, match="ended with code -15"):
        runner.run(ORDER)


def test_the_page_says_how_far_it_is_and_why_it_failed(ruled: World) -> None:
    """The real command, over a home in which nothing has landed; a back-test of an earlier process is not known."""
    assert PROGRAM.exists()
    with ruled.visitor("eve") as client, ruled.visitor("ana") as ana:
        write(client, source())
        answer = submit(client, PAGE, f"{PAGE}/backtest", **{"from": "2026-02-01", "to": "2026-03-01"})
        assert answer.status_code == 303
        page = answer.headers["location"].split("#")[0]
        asked = page.split("trial=")[1]
        assert 'hx-trigger="every 2s"' in ana.get(page).text
        polled = f"{PAGE}/trial?trial={asked}"
        wait_until(lambda: "every 2s" not in ana.get(polled).text)
        said = ana.get(polled).text
        assert "failed: " in said
        assert "nothing has landed yet" in said
        assert "<html" not in said
        assert "was started anew since" in ana.get(f"{PAGE}/trial?trial=of-yesterday").text
        assert "was started anew since" in ana.get(f"{PAGE}?trial=of-yesterday").text


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"from": "yesterday"}, 422),
        ({"from": "2026-03-02", "to": "2026-03-01"}, 422),
        ({"version": "7"}, 404),
        ({"version": "none"}, 404),
    ],
)
def test_a_period_or_version_that_is_none_is_refused(ruled: World, typed: dict[str, str], status: int) -> None:
    """Before anything is asked for."""
    with ruled.visitor("eve") as client:
        write(client, source())
        fields = forms(client.get(PAGE).text)[f"{PAGE}/backtest"]
        assert send(client, "POST", f"{PAGE}/backtest", {**fields, **typed}).status_code == status
        assert ruled.console.trials.open_of(FIRST, RULE) is None
