"""Commands for rules and scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from riskloom.catalog import Domain, load_catalog, load_domain
from riskloom.cli import lifecycle
from riskloom.cli.features import Slug
from riskloom.errors import CatalogError, Mistake
from riskloom.rules import CountedScenario, Rule, RuleBook, Schema, Table, load_rules, outline, to_sql
from riskloom.settings import Settings, load_settings
from riskloom.sql import Parameters
from riskloom.wiring import rule_schema


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    rules = typer.Typer(
        help="Check and explain rules and scenarios, and take them from a draft to live.", no_args_is_help=True
    )
    for command in (check, explain, *lifecycle.COMMANDS):
        rules.command()(command)
    app.add_typer(rules, name="rules")


def check(
    domain_name: Annotated[str | None, typer.Argument(metavar="[DOMAIN]", help="All of them by default.")] = None,
) -> None:
    """Read every rule, scenario and example; ends with code 2 and all mistakes where one does not hold."""
    settings, console = load_settings(), Console(highlight=False)
    domains = load_catalog().values() if domain_name is None else [load_domain(domain_name)]
    mistakes: list[Mistake] = []
    for domain in domains:
        try:
            book, _ = _book(domain, settings)
        except CatalogError as error:
            mistakes.extend(error.mistakes)
        else:
            console.print(f"{domain.name}: {_counted(book)}")
    if mistakes:
        raise CatalogError(mistakes)


def explain(
    domain_name: Slug, rule_name: Annotated[str, typer.Argument(metavar="RULE", help="The id of a rule or scenario.")]
) -> None:
    """Show a rule's condition as it is understood, or a scenario's points, and the SQL it is for a history."""
    console = Console(highlight=False)
    book, schema = _book(load_domain(domain_name), load_settings())
    table, parameters = Table({name: name for name in schema.fields}, at="at"), Parameters()
    found = book.find(rule_name)
    lines = [*_outlined(found), ""]
    if isinstance(found, CountedScenario):
        lines.append(found.points_sql(table, parameters))
    else:
        lines.append(to_sql(found.condition, table, parameters))
    lines += [f"  ${name} = {value!r}" for name, value in parameters.values.items()]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _book(domain: Domain, settings: Settings) -> tuple[RuleBook, Schema]:
    schema = rule_schema(settings, domain)
    return load_rules(domain.folder, schema), schema


def _counted(book: RuleBook) -> str:
    examples = [rule.declaration.examples for rule in book.rules.values()]
    held = sum(len(each.positive) + len(each.negative) for each in examples)
    return f"{len(book.rules)} rules, {len(book.scenarios)} scenarios, {held} examples hold"


def _outlined(found: Rule | CountedScenario) -> Iterator[str]:
    if isinstance(found, Rule):
        rule = found.declaration
        effect = f"score {rule.score:g}" if rule.outcome is None else _effect(rule.outcome.model_dump())
        yield f"{rule.id}: {rule.title} ({rule.severity}, {effect})"
        yield ""
        yield from outline(found.condition)
        return
    scenario = found.scenario.declaration
    yield f"{scenario.id}: {scenario.title}"
    yield ""
    for name, weight in scenario.rules.items():
        yield f"{found.rules[name].declaration.score:g} points x {weight:g} where {name} hits"
    for level, declared in (("alert", scenario.alert), ("interdiction", scenario.interdiction)):
        yield f"{level} from {declared.points:g} points" + (f", force {declared.force}" if declared.force else "")


def _effect(outcome: dict[str, str | None]) -> str:
    return ", ".join(f"{verb} {name}" for verb, name in outcome.items() if name is not None)
