"""Who may call a service: API keys with scopes, kept as hashes."""

from riskloom.access.keyring import ApiKey, KeyRing, create_key, load_keys, revoke_key
from riskloom.access.scope import METRICS, Scope, score_scope

__all__ = ["METRICS", "ApiKey", "KeyRing", "Scope", "create_key", "load_keys", "revoke_key", "score_scope"]
