"""System checks: each names the setting that is wrong and what to write instead.

E0xx always hold; E1xx and W1xx hold for production: `manage.py check --deploy`.
"""

from notifications.checks import engine, keys, production, texts

__all__ = ["engine", "keys", "production", "texts"]
