"""Evolux gateway: one GraphQL and REST service in front of Evolux call centres."""

__version__ = "0.1.0"
