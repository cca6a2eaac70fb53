"""The composition root: the one place that knows every adapter and the settings."""

from gateway.main.service import Gateway

__all__ = ["Gateway"]
