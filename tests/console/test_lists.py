"""Lists in the console: opened, filled, ended; members whose time is over are shown as such and are none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from riskloom.ledger.database import reading
from riskloom.lifecycle.lists import list_members
from riskloom.lifecycle.members import concealed_column, member_of
from riskloom.rules import load_lists
from tests.console.world import DOMAINS, Answer, World, forms, send
from tests.console.writing import FIRST, done

LIST = next(iter(load_lists(DOMAINS[FIRST])))
PAGE = f"/lists/{FIRST}/{LIST}"


def step(client: TestClient, name: str, **typed: str) -> Answer:
    """Send one of the list's forms, whether the page offers it now or not."""
    csrf = forms(client.get(PAGE).text)["/logout"]["csrf"]
    return send(client, "POST", f"{PAGE}/{name}", {"csrf": csrf, **typed})


def members(world: World) -> list[str]:
    """Who is on the list now."""
    with reading(world.engine) as session:
        return [entry.value for entry in list_members(session, FIRST, LIST, at=world.clock.now)]


@pytest.fixture
def opened(world: World) -> World:
    """A console with an open list."""
    with world.visitor("lea") as client:
        assert "Nobody has opened this list" in client.get(PAGE).text
        assert done(step(client, "open", kind="watch", owner="a team", reason="incident 7")) == "opened"
    return world


def test_members_come_and_go(opened: World) -> None:
    """With reason and end; who was removed is still to be read."""
    with opened.visitor("lea") as client, opened.visitor("ana") as ana:
        assert done(step(client, "add", value="m-1", reason="seen there", days="14")) == "added"
        assert done(step(client, "add", value="m-2", reason="seen as well")) == "added"
        assert members(opened) == ["m-1", "m-2"]
        page = ana.get(PAGE).text
        assert "seen there" in page
        assert "16 Mar 2026" in page
        assert "<button class" not in page.split("<main")[1].split("</main")[0], "an analyst reads"
        assert done(step(client, "expire", value="m-1", reason="sooner", days="1")) == "expires"
        assert done(step(client, "remove", value="m-2", reason="a mistake")) == "removed"
        assert "removed by lea" in ana.get(PAGE).text
        assert "m-2" not in ana.get(f"{PAGE}?value=m-1").text
        assert members(opened) == ["m-1"]
        assert "a team" in ana.get("/rules").text


def test_who_has_expired_is_shown_as_over(opened: World) -> None:
    """Nothing can be done with the entry any more; the value may come again."""
    with opened.visitor("lea") as client:
        step(client, "add", value="m-1", reason="seen", days="2")
        opened.clock.now += timedelta(days=2)
    with opened.visitor("lea") as client:
        page = client.get(PAGE).text
        assert '<tr class="over">' in page
        assert f"{PAGE}/expire" not in page
        for name in ("expire", "remove"):
            answer = step(client, name, value="m-1", reason="late", days="3")
            assert answer.status_code == 409
            assert "m-1 is no member now" in answer.text
            assert "late" in answer.text
        assert done(step(client, "add", value="m-1", reason="again")) == "added"
        assert members(opened) == ["m-1"]


@pytest.mark.parametrize(
    ("name", "typed", "status", "problem"),
    [
        ("add", {"value": "m-1", "reason": "again"}, 409, "found it there"),
        ("add", {"value": "", "reason": "x"}, 409, "1 to 600 characters"),
        ("add", {"value": "m-3", "reason": ""}, 422, "Say why"),
        ("add", {"value": "m-3", "reason": "x", "days": "-1"}, 422, "more than 0"),
        ("add", {"value": "m-3", "reason": "x", "days": "soon"}, 422, "a number of days"),
        ("add", {"value": "m-3", "reason": "x", "days": "nan"}, 422, "more than 0"),
        ("expire", {"value": "m-1", "reason": "x"}, 422, "after how many days"),
        ("open", {"kind": "watch", "owner": "x", "reason": "x"}, 409, "found it open"),
        ("remove", {"value": "m-9", "reason": "x"}, 409, "is no member now"),
    ],
)
def test_what_cannot_be_done_says_why(
    opened: World, name: str, typed: dict[str, str], status: int, problem: str
) -> None:
    """And changes nothing."""
    with opened.visitor("lea") as client:
        step(client, "add", value="m-1", reason="seen")
        answer = step(client, name, **typed)
        assert answer.status_code == status
        assert problem in answer.text
        assert members(opened) == ["m-1"]


def test_a_list_that_nobody_declares_is_not_there(world: World) -> None:
    """Neither to look at nor to fill."""
    with world.visitor("lea") as client:
        assert client.get(f"/lists/{FIRST}/nobody_s").status_code == 404
        csrf = forms(client.get(PAGE).text)["/logout"]["csrf"]
        answer = client.post(f"/lists/{FIRST}/nobody_s/add", data={"csrf": csrf, "value": "m", "reason": "x"})
        assert answer.status_code == 404


def test_people_are_listed_by_their_pseudonyms(world: World) -> None:
    """Whoever types what the source calls them adds, finds and removes the member that events will meet."""
    domain, name = next(
        (domain, name) for domain in DOMAINS.values() for name in load_lists(domain) if concealed_column(domain, name)
    )
    page, who = f"/lists/{domain.name}/{name}", "anna@example.com"
    kept = member_of(domain, name, who, pseudonym_key=world.console.controls.pseudonym_key)

    def members_now() -> list[str]:
        with reading(world.engine) as session:
            return [entry.value for entry in list_members(session, domain.name, name, at=world.clock.now)]

    with world.visitor("lea") as client:
        csrf = forms(client.get(page).text)["/logout"]["csrf"]
        for step_name, typed in (("open", {"kind": "watch", "owner": "a team"}), ("add", {"value": who})):
            send(client, "POST", f"{page}/{step_name}", {"csrf": csrf, "reason": "incident 7", **typed})
        assert members_now() == [kept] != [who]
        for asked in (who, kept):
            shown = client.get(page, params={"value": asked}).text
            assert "incident 7" in shown
            assert kept in shown
            assert who not in shown
        again = send(client, "POST", f"{page}/add", {"csrf": csrf, "reason": "again", "value": kept})
        assert "found it there" in again.text, "the pseudonym is the same member"
        send(client, "POST", f"{page}/remove", {"csrf": csrf, "reason": "a mistake", "value": who})
        assert members_now() == []
