"""A patient's choices: one function answers the settings page, the API and the sender."""

from notifications.preferences.choices import (
    TypePreference,
    available_channels,
    change,
    effective,
    is_on,
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
from notifications.preferences.sheet import SheetBefore, put_back, reset, turn_off

__all__ = [
    "DEFAULTS",
    "GeneralSettings",
    "SheetBefore",
    "TypePreference",
    "available_channels",
    "change",
    "change_settings",
    "effective",
    "is_on",
    "put_back",
    "read_token",
    "read_types",
    "reset",
    "settings_of",
    "settings_of_all",
    "turn_off",
    "unsubscribe_token",
    "unsubscribe_url",
]
