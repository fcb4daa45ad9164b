"""Who may call a service: API keys with scopes, kept as hashes."""

from riskloom.access.keyring import ApiKey, KeyRing, create_key, load_keys, revoke_key
from riskloom.access.scope import (
    AUDIT,
    METRICS,
    DomainRight,
    GlobalRight,
    Scope,
    events_scope,
    known_scopes,
    scope_of,
    score_scope,
)

__all__ = [
    "AUDIT",
    "METRICS",
    "ApiKey",
    "DomainRight",
    "GlobalRight",
    "KeyRing",
    "Scope",
    "create_key",
    "events_scope",
    "known_scopes",
    "load_keys",
    "revoke_key",
    "scope_of",
    "score_scope",
]
