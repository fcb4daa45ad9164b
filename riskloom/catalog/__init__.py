"""The declared domains: what each is, read from its folder and checked as a whole."""

from riskloom.catalog.declaration import (
    Assessment,
    Costs,
    Domain,
    Gate,
    Label,
    Monitoring,
    Outcome,
    Serving,
    Subject,
    Training,
)
from riskloom.catalog.loader import DOMAINS, load_catalog, load_domain

__all__ = [
    "DOMAINS",
    "Assessment",
    "Costs",
    "Domain",
    "Gate",
    "Label",
    "Monitoring",
    "Outcome",
    "Serving",
    "Subject",
    "Training",
    "load_catalog",
    "load_domain",
]
