"""The declared domains: what each is, read from its folder and checked as a whole."""

from riskloom.catalog.costs import CostTerms, cheapest_between
from riskloom.catalog.declaration import (
    UNSUPERVISED,
    AmountShare,
    Assessment,
    Costs,
    Demo,
    Domain,
    Gate,
    Label,
    Monitoring,
    Outcome,
    Policy,
    Serving,
    Subject,
    Training,
    Watch,
)
from riskloom.catalog.loader import DOMAINS, load_catalog, load_domain
from riskloom.catalog.verdicts import read_details, verdict_columns

__all__ = [
    "DOMAINS",
    "UNSUPERVISED",
    "AmountShare",
    "Assessment",
    "CostTerms",
    "Costs",
    "Demo",
    "Domain",
    "Gate",
    "Label",
    "Monitoring",
    "Outcome",
    "Policy",
    "Serving",
    "Subject",
    "Training",
    "Watch",
    "cheapest_between",
    "load_catalog",
    "load_domain",
    "read_details",
    "verdict_columns",
]
