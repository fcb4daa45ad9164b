"""The catalogue reads every domain, and says everything that is wrong at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from riskloom.catalog import DOMAINS, load_catalog, load_domain
from riskloom.errors import CatalogError, ConfigError

Edit = Callable[[str, str, str], None]


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    """A copy of the first declared domain, to be spoilt."""
    first = next(path.parent.parent for path in sorted(DOMAINS.glob("*/tables/payments__transactions.toml")))
    shutil.copytree(first, tmp_path / "domains" / first.name, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return tmp_path / "domains"


@pytest.fixture
def edit(domains: Path) -> Edit:
    """Replace a text in one of the copy's files; the text must be there."""
    folder = next(domains.iterdir())

    def replace(file: str, old: str, new: str) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return replace


def mistakes_of(folder: Path) -> dict[str, str]:
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    return {mistake.key: str(mistake) for mistake in caught.value.mistakes}


def test_the_declared_domains_load() -> None:
    """What is in the repository is valid, and each domain's tables come with it."""
    catalog = load_catalog()
    assert catalog
    for name, domain in catalog.items():
        assert domain.name == name
        assert domain.subject.event_table in domain.tables


def test_an_unknown_domain_is_refused_with_the_known_ones() -> None:
    """Whoever misspells a domain sees which there are."""
    with pytest.raises(ConfigError, match="no domain 'nonsense'; known domains: .*" + sorted(load_catalog())[0]):
        load_domain("nonsense")


def test_an_empty_folder_is_an_empty_catalogue(tmp_path: Path) -> None:
    """No declarations is not an error of the catalogue."""
    assert load_catalog(tmp_path) == {}


def test_all_mistakes_of_all_files_are_told_at_once(domains: Path, edit: Edit) -> None:
    """A wrong type, a wrong range, a misspelt key and a mistake in a table are reported together."""
    edit("domain.toml", 'maturity = "7d"', 'maturity = "7 days"')
    edit("domain.toml", "minimum = 0.10", "minimum = 7")
    edit("domain.toml", "friction =", "frictoin =")
    edit("tables/payments__transactions.toml", 'type = "string"', 'type = "text"')
    found = mistakes_of(domains)
    assert (
        'label.maturity: expected a duration such as "30m", "12h" or "7d", found \'7 days\'' in found["label.maturity"]
    )
    assert "expected less than or equal to 1, found 7" in found["gate.minimum"]
    assert "expected a value, found nothing" in found["costs.friction"]
    assert "expected no key of this name" in found["costs.frictoin"]
    assert "tables/payments__transactions.toml" in found["columns.transaction_id.type"]


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        (
            'group = "customer_id"',
            'group = "custmer_id"',
            "subject.group",
            "a column of payments__transactions (tr",
        ),
        ('group = "customer_id"', 'group = "observed_at"', "subject.group", "a column of type string"),
        ('related = ["device_id"', 'related = ["device"', "subject.related", "a column of payments__transactions (tr"),
        (
            '"payments__chargebacks"',
            '"payments__refunds"',
            "label.table",
            "a table with a contract (acc",
        ),
        ('positive = "is_fraud"', 'positive = "reason_code"', "label.positive", "a column of type boolean"),
        ('key = "transaction_id"', 'key = "customer_id"', "subject.key", "the key of payments__transactions"),
        (
            'safe_outcome = "review"',
            'safe_outcome = "revue"',
            "serving.safe_outcome",
            "an outcome (approve, step_up, review",
        ),
        ('unusual_outcome = "review"', 'unusual_outcome = "look"', "serving.unusual_outcome", "an outcome (approve"),
        ("margin = { share_of_amount = 0.25 }", "margin = 0", "costs.margin", "what is lost where 1 give up at block"),
        ("minute = 0.75", "minute = 0", "costs.minute", "what the 4 minutes of review cost"),
        ("prevents = 0.7 ", "prevents = 0 ", "outcome.1.prevents", "more than 0"),
        ("prevents = 1\n", "prevents = 0.5\n", "outcome.3", "costs at which it is the cheapest for some probability"),
        ('release_to = ["approve"', 'release_to = ["block"', "policy.release_to", "outcomes milder than the hardest"),
        ("release_per_day = 20", "release_per_day = 0", "policy.release_per_day", "more than 0"),
        ("tolerance = 0.01", "tolerance = 0.2", "gate.tolerance", "less than gate.minimum"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_mistakes(
    domains: Path, edit: Edit, old: str, new: str, key: str, expected: str
) -> None:
    """A declaration that is valid line by line is still refused when one line contradicts another."""
    edit("domain.toml", old, new)
    assert f"domain.toml: {key}: expected {expected}" in mistakes_of(domains)[key]


def test_the_folder_bears_the_domains_name(domains: Path, edit: Edit) -> None:
    """Where they differ the declaration is wrong: the folder is what imports and paths go by."""
    folder = next(domains.iterdir()).name
    edit("domain.toml", f'name = "{folder}"', 'name = "customer_care"')
    assert f"domain.toml: name: expected the folder's name '{folder}'" in mistakes_of(domains)["name"]


_WATCH = """
[[watch]]
entity = "device"
mart = "device_days"
key = "device_id"
description = "Days of devices that differ from other days."
period = "1d"
history = "1d"
one_in = 100
"""


def test_watches_that_do_not_fit_are_mistakes(domains: Path, edit: Edit) -> None:
    """Rows are compared with more than they are themselves, and an entity is watched once."""
    edit("domain.toml", "[serving]", f"{_WATCH}{_WATCH}\n[serving]")
    found = mistakes_of(domains)
    assert "watch.1.history: expected longer than the period 1 day" in found["watch.1.history"]
    assert "watch.entity: expected each entity once" in found["watch.entity"]


def test_one_person_has_one_pseudonym(domains: Path, edit: Edit) -> None:
    """A column of one name has one prefix in all tables, or its rows would not join; a subject's key has none."""
    edit("tables/accounts__logins.toml", 'pseudonym = "c-"', 'pseudonym = "x-"')
    edit("domain.toml", 'key = "transaction_id"', 'key = "customer_id"')
    found = mistakes_of(domains)
    assert (
        "tables.accounts__logins.columns.customer_id.pseudonym: expected 'c-' as in accounts__customers, found 'x-'"
        in found["tables.accounts__logins.columns.customer_id.pseudonym"]
    )
    assert "none: it is the key of what is scored" in found["tables.accounts__customers.columns.customer_id.pseudonym"]


@pytest.mark.parametrize("text", ["", "name = ", "\x00"])
def test_a_file_that_is_no_toml_is_named(domains: Path, text: str) -> None:
    """An empty or broken file is reported as such, and does not hide the mistakes of other files."""
    folder = next(domains.iterdir())
    (folder / "tables" / "accounts__logins.toml").write_text(text)
    found = mistakes_of(domains)
    assert "tables/accounts__logins.toml" in found["(whole file)"]


ASSESSMENT = """
[[assessment]]
entity = "claim"
mart = "claim_cases"
key = "claim_id"
description = "A claim of a test's own: is it valid."
amount = "claimed_amount"
valid = "is_valid"
payable = "payable_amount"
known_at = "resolved_at"
history = "90d"
maturity = "30d"
holdout = "30d"
coverage = 0.8
gate = {metric = "roc_auc", minimum = 0.7, reason = "a test's gate, not a real one"}
thresholds = {denied_below = 0.2, valid_from = 0.8}
outcomes = {valid = "grant", partial = "grant_part", denied = "refuse", uncertain = "ask"}
"""


def test_an_assessment_is_read_with_its_defaults(domains: Path) -> None:
    """A domain without one has none; one that is declared knows which columns are no features."""
    folder = next(domains.iterdir())
    assert load_domain(folder.name, domains).assessment == ()
    (folder / "domain.toml").write_text((folder / "domain.toml").read_text() + ASSESSMENT)
    (assessment,) = load_domain(folder.name, domains).assessment
    assert assessment.columns[:3] == ("claim_id", "decision_at", "claimed_amount")
    assert (assessment.rate, assessment.gate.min_positives, assessment.thresholds.widest) == (None, 60, 0.5)


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ('"claim"', '"transaction"', "entity", "one that is not judged yet (transaction)"),
        ('valid = "is_valid"', 'valid = "claim_id"', "key", "a column of its own for each of these"),
        ('uncertain = "ask"', 'uncertain = "grant"', "outcomes", "each name once"),
        ("denied_below = 0.2", "denied_below = 0.9", "thresholds.denied_below", "less than valid_from"),
        ("minimum = 0.7,", "minimum = 0.7, tolerance = 0.8,", "gate.tolerance", "less than gate.minimum"),
        ("coverage = 0.8", "coverage = 80", "coverage", "less than or equal to 0.99"),
        ('holdout = "30d"', 'holdout = "a month"', "holdout", 'a duration such as "30m"'),
        ('mart = "claim_cases"', 'mart = "../claims"', "mart", "String should match pattern"),
        ("valid_from = 0.8", "valid_form = 0.8", "thresholds.valid_from", "a value"),
    ],
)
def test_mistakes_in_an_assessment_are_named_by_key(domains: Path, old: str, new: str, key: str, expected: str) -> None:
    """File, place and key, what was expected and what was found."""
    path = next(domains.iterdir()) / "domain.toml"
    assert old in ASSESSMENT
    path.write_text(path.read_text() + ASSESSMENT.replace(old, new, 1))
    assert f"domain.toml: assessment.0.{key}: expected {expected}" in mistakes_of(domains)[f"assessment.0.{key}"]
