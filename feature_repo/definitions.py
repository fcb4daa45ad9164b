"""
What the ``feast`` command line finds in this folder: the objects of every declared domain.

They are made from dbt's manifest, so ``riskloom features parse`` comes first. ``riskloom features build`` applies the
same objects and needs neither this file nor the command.
"""

from __future__ import annotations

from riskloom.catalog import load_catalog
from riskloom.features import load_views
from riskloom.features.definitions import definitions
from riskloom.settings import load_settings

settings = load_settings()

# Feast takes what the module holds, under whatever name
for domain in load_catalog().values():
    for item in definitions(domain, load_views(domain, settings.dbt_manifest), settings.marts):
        # a view may be called as its entity is: of two objects under one name Feast would find the second
        globals()[f"{type(item).__name__}: {item.name}"] = item
