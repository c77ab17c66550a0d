"""Deterministic bootstrap of distributed systems that need one node to go first."""

__version__ = "0.1.0"
