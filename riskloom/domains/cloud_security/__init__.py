"""Abuse of cloud accounts: API calls, sign-ins and network flows."""
