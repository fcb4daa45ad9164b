"""The declared domains: what each is, read from its folder and checked as a whole."""

from riskloom.catalog.declaration import (
    UNSUPERVISED,
    Assessment,
    Costs,
    Demo,
    Domain,
    Gate,
    Label,
    Monitoring,
    Outcome,
    Serving,
    Subject,
    Training,
    Watch,
)
from riskloom.catalog.loader import DOMAINS, load_catalog, load_domain

__all__ = [
    "DOMAINS",
    "UNSUPERVISED",
    "Assessment",
    "Costs",
    "Demo",
    "Domain",
    "Gate",
    "Label",
    "Monitoring",
    "Outcome",
    "Serving",
    "Subject",
    "Training",
    "Watch",
    "load_catalog",
    "load_domain",
]
