"""
Rules as data: a typed condition language, evaluated on a decision's row and, the same, as SQL over a history.

Pure: no database, service or settings. ``docs/rules.md`` describes the language.
"""

from riskloom.rules.book import DeclaredList, RuleBook, declared_lists, load_lists, load_rules
from riskloom.rules.condition import ConditionError, Evaluation, read_condition
from riskloom.rules.explain import Explainer, Reason, outline, reasons, render
from riskloom.rules.facts import Facts, Member, MemberList
from riskloom.rules.necessary import necessary
from riskloom.rules.rule import Rule, facts_of, parse_rule
from riskloom.rules.ruleset import Conditions, Hits, RuleSet
from riskloom.rules.scenario import CountedScenario, Reached, Scenario, is_scenario, parse_scenario
from riskloom.rules.schema import Schema, schema_of
from riskloom.rules.to_sql import DUCKDB, Dialect, Table, to_sql

__all__ = [
    "DUCKDB",
    "ConditionError",
    "Conditions",
    "CountedScenario",
    "DeclaredList",
    "Dialect",
    "Evaluation",
    "Explainer",
    "Facts",
    "Hits",
    "Member",
    "MemberList",
    "Reached",
    "Reason",
    "Rule",
    "RuleBook",
    "RuleSet",
    "Scenario",
    "Schema",
    "Table",
    "declared_lists",
    "facts_of",
    "is_scenario",
    "load_lists",
    "load_rules",
    "necessary",
    "outline",
    "parse_rule",
    "parse_scenario",
    "read_condition",
    "reasons",
    "render",
    "schema_of",
    "to_sql",
]
