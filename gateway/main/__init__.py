"""The composition root: the one place that knows every adapter and the settings."""

from gateway.main.service import Gateway, create_app

__all__ = ["Gateway", "create_app"]
