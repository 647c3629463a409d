"""A patient's choices: one function answers the settings page, the API and the sender."""

from notifications.preferences.choices import (
    TypePreference,
    available_channels,
    change,
    effective,
    is_on,
    reset,
)
from notifications.preferences.leaving import (
    read_token,
    read_types,
    unsubscribe_token,
    unsubscribe_url,
)
from notifications.preferences.settings import (
    DEFAULTS,
    GeneralSettings,
    change_settings,
    settings_of,
    settings_of_all,
)

__all__ = [
    "DEFAULTS",
    "GeneralSettings",
    "TypePreference",
    "available_channels",
    "change",
    "change_settings",
    "effective",
    "is_on",
    "read_token",
    "read_types",
    "reset",
    "settings_of",
    "settings_of_all",
    "unsubscribe_token",
    "unsubscribe_url",
]
