"""Every setting in one place: its name, type, default, unit and meaning, and how settings are read."""

from gateway.settings.errors import SettingsError
from gateway.settings.limits import LimitSettings
from gateway.settings.loading import load_settings
from gateway.settings.subscriptions import SubscriptionSettings
from gateway.settings.tree import (
    CacheSettings,
    CallerSettings,
    DocumentSettings,
    JwtSettings,
    ServerSettings,
    Settings,
    TelemetrySettings,
    TenantSettings,
)

__all__ = [
    "CacheSettings",
    "CallerSettings",
    "DocumentSettings",
    "JwtSettings",
    "LimitSettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "SubscriptionSettings",
    "TelemetrySettings",
    "TenantSettings",
    "load_settings",
]
