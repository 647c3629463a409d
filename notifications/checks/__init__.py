"""System checks: each names the setting that is wrong and what to write instead.

E0xx and W0xx always hold; E1xx and W1xx hold for production: `manage.py check --deploy`.
"""

from notifications.checks import engine, keys, lengths, production, texts

__all__ = ["engine", "keys", "lengths", "production", "texts"]
