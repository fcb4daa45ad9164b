"""The pages that are looked at: they open for everybody who may, and show what the ledger and the catalogue have."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

from riskloom.ledger.database import writing
from riskloom.ledger.queries import DayCount
from riskloom.ledger.schema import Decision
from riskloom.pseudonyms import Pseudonyms
from riskloom.rules.declaration import ScenarioDeclaration
from services.console.charts import HEIGHT, outcome_chart
from services.console.models import render_card
from services.console.population import FEWEST, standing
from services.console.rulebook import DeclaredRules
from tests.console.world import DOMAINS, World

FIRST = next(iter(DOMAINS))


class Outline(HTMLParser):
    """Reads what a page is made of: labels, fields, headings, landmarks, identifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.unlabelled: list[str] = []
        self._labels = 0
        self._for: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag; a field outside a label needs one that names it."""
        given = dict(attrs)
        self.tags.append(tag)
        if identifier := given.get("id"):
            self.ids.append(identifier)
        if tag == "label":
            self._labels += 1
            self._for.add(given.get("for") or "")
        is_field = tag in {"select", "textarea"} or (tag == "input" and given.get("type") != "hidden")
        named = self._labels or given.get("aria-label") or (given.get("id") or "?") in self._for
        if is_field and not named:
            self.unlabelled.append(str(given))

    def handle_endtag(self, tag: str) -> None:
        """A label ends."""
        self._labels -= tag == "label"


def paths(world: World) -> list[str]:
    """An address of each kind of page."""
    rule = next(iter(DeclaredRules().of(DOMAINS[FIRST]).files))
    case = world.cases(FIRST)[0].case_id
    return ["/", "/queue", f"/cases/{case}", "/decisions", f"/decisions/{FIRST}-0", "/models", "/rules",
            f"/rules/{FIRST}/{rule}", "/proposals", "/audit"]  # fmt: skip


def test_every_page_can_be_used_without_seeing_it(world: World) -> None:
    """One first heading, landmarks, a skip link, a label for each field, each identifier once."""
    with world.visitor("lea") as client:
        for path in paths(world):
            answer = client.get(path)
            assert answer.status_code == 200, path
            outline = Outline()
            outline.feed(answer.text)
            assert outline.tags.count("h1") == 1, path
            assert {"header", "nav", "main", "footer"} <= set(outline.tags), path
            assert outline.unlabelled == [], path
            assert len(set(outline.ids)) == len(outline.ids), path
            assert 'class="skip" href="#main"' in answer.text


def test_the_overview_counts_each_domain(world: World) -> None:
    """Decisions by day with a text that says the same, open cases, and what is past its deadline."""
    with world.visitor("eve") as client:
        text = client.get("/").text
        for domain in DOMAINS.values():
            assert domain.title in text
        assert text.count('role="img" aria-label=') >= len(DOMAINS)
        assert "60 decisions in 14 days" in text
        assert "/queue" not in text


def test_what_is_looked_for_is_found(world: World) -> None:
    """By the identifier of a decision, a case, a subject or an entity; nothing is said to be nothing."""
    case = world.cases(FIRST)[0]
    with world.visitor("ana") as client:
        for wanted, path in (
            (f"{FIRST}-3", f"/decisions/{FIRST}-3"),
            (case.case_id, f"/cases/{case.case_id}"),
            (case.entity, f"entity={case.entity}"),
        ):
            assert path in client.get("/find", params={"q": wanted}).headers["location"]
        assert client.get("/find", params={"q": "<nobody>"}).status_code == 404
        assert "&lt;nobody&gt;" in client.get("/find", params={"q": "<nobody>"}).text


def test_an_entity_is_found_by_what_its_source_calls_it(world: World) -> None:
    """The ledger has its pseudonym; the address that people are led to has it as well, and not the name."""
    domain = next(one for one in DOMAINS.values() if one.subject.group in one.event_table.pseudonyms)
    who, pseudonyms = "anna@example.com", Pseudonyms(domain.event_table, world.console.controls.pseudonym_key)
    kept = pseudonyms.of(domain.subject.group, who)
    with writing(world.engine) as session:
        session.get_one(Decision, f"{domain.name}-3").entity = kept
    with world.visitor("ana") as client:
        address = client.get("/find", params={"q": who}).headers["location"]
        assert address == f"/decisions?domain={domain.name}&entity={kept}"
        for asked in (who, kept):
            page = client.get("/decisions", params={"domain": domain.name, "entity": asked}).text
            assert f"/decisions/{domain.name}-3" in page
            assert who not in page


def test_further_rows_come_alone(world: World) -> None:
    """Where the page itself asks for them; by its address the page is whole."""
    with world.visitor("lea") as client:
        page = client.get(f"/decisions?domain={FIRST}").text
        following = page.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
        rows = client.get(following, headers={"hx-request": "true"}).text
        assert "<html" not in rows
        assert rows.count("<tr") == 20
        assert "<html" in client.get(following).text


def test_what_is_not_there_is_said_to_be(world: World) -> None:
    """Also for models: a version nobody made, a picture of another folder."""
    with world.visitor("lea") as client:
        for path in ("/cases/none", "/decisions/none", "/models/none/1", f"/models/{FIRST}/1", "/rules/none/none",
                     f"/rules/{FIRST}/none", f"/models/{FIRST}/1/plots/..%2Fcard.md", "/static/guard.py"):  # fmt: skip
            assert client.get(path).status_code == 404, path


def test_an_unknown_address_has_a_page(world: World) -> None:
    """To whoever is logged in with the way back, to others with the log-in, whatever is sent; a file has a line."""
    with world.visitor("ana") as ana, world.visitor() as stranger:
        for client, way in ((ana, '<a href="/">Overview</a>'), (stranger, '<a href="/login">Log in</a>')):
            for answer in (client.get("/nowhere"), client.get("/queue/"), client.post("/nowhere", data={"text": "x"})):
                assert answer.status_code == 404
                assert "There is nothing at this address." in answer.text
                assert way in answer.text
                assert "frame-ancestors" in answer.headers["content-security-policy"]
            for path in ("/static/none.css", "/static/a/b"):
                assert client.get(path).text == "no such file\n"
        assert "Queue</a>" in ana.get("/nowhere").text
        assert "Queue</a>" not in stranger.get("/nowhere").text


def test_every_declared_rule_can_be_read(world: World) -> None:
    """Of each domain: a rule with its condition and examples, a scenario with its rules; both with their owner."""
    with world.visitor("eve") as client:
        for domain in DOMAINS.values():
            for said in (file.declaration for file in DeclaredRules().of(domain).files.values()):
                text = client.get(f"/rules/{domain.name}/{said.id}").text
                assert said.owner in text
                if isinstance(said, ScenarioDeclaration):
                    assert [name for name in said.rules if f"/rules/{domain.name}/{name}" not in text] == []
                else:
                    assert said.examples.positive[0].name.replace("'", "&#39;") in text


def test_light_and_dark_are_a_choice(world: World) -> None:
    """Kept for the browser; auto forgets it."""
    with world.visitor("ana") as client:
        for theme, expected in (("dark", 'data-theme="dark"'), ("auto", '<html lang="en">')):
            token = client.get("/").text.split('name="csrf" value="')[1].split('"')[0]
            assert client.post("/theme", data={"csrf": token, "theme": theme, "next": "/"}).status_code == 303
            assert expected in client.get("/").text


def test_a_card_is_shown_and_not_obeyed() -> None:
    """Markup of the text is text; plots come from the version's folder; no style is left."""
    text = "# Title\n\n## Data\n\n| a | b |\n|---|---:|\n| <b>x</b> | 1 |\n\n![curve](plots/curve.png)\n"
    html = render_card(text, "/models/d/3")
    assert "Title" not in html
    assert "<h3>Data</h3>" in html
    assert "&lt;b&gt;x" in html
    assert 'src="/models/d/3/plots/curve.png"' in html
    assert "style=" not in html


@pytest.mark.parametrize(("value", "below", "place"), [(-5.0, 0.0, 0.0), (50.0, 0.505, 0.5), (1e9, 1.0, 1.0)])
def test_a_value_stands_where_it_stands(value: float, below: float, place: float) -> None:
    """Its share of smaller ones, and its place in the picture, which ends where nearly all others do."""
    found = standing({"a": np.arange(100.0)}, "a", value)
    assert found is not None
    assert found.below == pytest.approx(below)
    assert found.place == pytest.approx(place, abs=0.01)
    assert max(found.heights) == 1


def test_of_few_or_no_others_nothing_is_said() -> None:
    """A histogram of a handful would be read as more than it is; where all are the same, it is one bar."""
    assert standing({"a": np.arange(FEWEST - 1.0)}, "a", 1.0) is None
    assert standing({"a": np.arange(100.0)}, "a", None) is None
    assert standing({}, "a", 1.0) is None
    same = standing({"a": np.ones(100)}, "a", 1.0)
    assert same is not None
    assert (same.place, same.below) == (0.5, 0.5)


def test_bars_add_up() -> None:
    """Each day's bars stand on one another, the highest day fills the picture, and days without any are there."""
    counts = [DayCount("2026-03-01", "a", 30), DayCount("2026-03-01", "b", 10), DayCount("2026-03-03", "gone", 20)]
    chart = outcome_chart(counts, ["a", "b"], first=date(2026, 3, 1), last=date(2026, 3, 3))
    assert [day.total for day in chart.days] == [40, 0, 20]
    assert sum(bar.height for bar in chart.bars[:2]) == pytest.approx(HEIGHT)
    assert chart.bars[1].y == pytest.approx(0)
    assert chart.summary == "60 decisions in 3 days: 30 a, 30 b; at most 40 on one day"
