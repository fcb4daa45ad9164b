"""
The life of rules and scenarios: versions, stages, approvals, lists, back-tests, and what the scoring service needs.

Commands (``versions``, ``stages``, ``approvals``, ``lists``, ``champions``) take a desk of the ledger and are audited
in its transaction. ``publishing`` writes what is in force to one signed file a domain; ``publication``, ``active``,
``assignment`` and ``floods`` are what a service needs of it, and open no database. ``docs/lifecycle.md`` has the rest.
"""
