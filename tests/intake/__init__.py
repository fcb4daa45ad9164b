"""Tests of pushed events: the door, the outbox, the consumer."""
