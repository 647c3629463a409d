"""The environments our commands run in: tests, and a production with made-up names."""

from __future__ import annotations

import os

from dentamind.bootstrap import fresh_keys

OURS = ("DATABASE_", "REDIS_", "NOTIFICATIONS_", "EMAIL_", "DENTAMIND_", "ANYMAIL_", "DEMO_")
ALSO_OURS = ("DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL", "TRUSTED_ORIGINS", "PORT")


def bare() -> dict[str, str]:
    """Our environment without any setting of the project; .env files are not read either."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS) and name not in ALSO_OURS
    }
    return {**kept, "DENTAMIND_ENV_FILE": os.devnull}


def testing(*, database_url: str, redis_url: str = "") -> dict[str, str]:
    """What tests run in: fresh keys, the given servers, nothing from the developer's .env."""
    return {
        **bare(),
        **fresh_keys(),
        "DEBUG": "true",
        "NOTIFICATIONS_WATERMARK": "",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }


def production() -> dict[str, str]:
    """Complete settings of a made-up production, to let the system checks judge them."""
    return {
        **bare(),
        **fresh_keys(),
        "DEBUG": "false",
        "DATABASE_URL": "postgres://dentamind@db.internal:5432/dentamind?sslmode=verify-full",
        "REDIS_URL": "rediss://redis.internal:6379/0",
        "ALLOWED_HOSTS": "notify.dental.example",
        "PUBLIC_URL": "https://notify.dental.example",
        "TRUSTED_ORIGINS": "https://notify.dental.example",
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "smtp.dental.example",
        "EMAIL_PORT": "587",
        "EMAIL_USE_TLS": "true",
        "DEFAULT_FROM_EMAIL": "notify@dental.example",
        "NOTIFICATIONS_SMS_PROVIDER": "",
        "NOTIFICATIONS_PUSH_PROVIDER": "",
    }
