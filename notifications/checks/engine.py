"""What must hold everywhere, because it was measured: the queue, SQLite, origins, numbers.

The reasons for the queue's values are in docs/operations.md.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, register
from django.utils.module_loading import import_string

from notifications.enums import PatientNotificationChannel

POSITIVE = tuple(
    f"NOTIFICATIONS_{name}"
    for name in (
        "SEND_SLOTS",
        "POLL_SECONDS",
        "LEASE_SECONDS",
        "LOOK_UP_SECONDS",
        "REPEAT_SECONDS",
    )
)
CALLABLES = (
    *("NOTIFICATIONS_ACCESS", "NOTIFICATIONS_PROFILES", "NOTIFICATIONS_ANSWERS"),
    "NOTIFICATIONS_UPKEEP",
)


def error(number: int, message: str, *, hint: str) -> Error:
    return Error(message, hint=hint, id=f"notifications.E{number:03}")


@register("queue")
def check_queue(**_: Any) -> list[Error]:
    """Report each line of Q_CLUSTER that loses, repeats or stops tasks."""
    queue = settings.Q_CLUSTER
    rules = {
        "orm": (bool(queue.get("orm")), '"default"', "other brokers take before they work"),
        "workers": (
            queue.get("workers", 0) >= 2,
            "2 or more",
            "one at work keeps the rest waiting",
        ),
        "max_attempts": (queue.get("max_attempts") == 1, "1", "our own table retries"),
        "ack_failures": (queue.get("ack_failures") is True, "True", "failures come back for ever"),
        "catch_up": (queue.get("catch_up") is False, "False", "an outage repeats every tick"),
        "save_limit": (queue.get("save_limit") == -1, "-1", "results would be kept"),
        "sync": (not queue.get("sync"), "absent", "it raises into the caller"),
    }
    errors = [
        error(10, f'Q_CLUSTER["{name}"] must be {value}: {reason}.', hint="Edit settings.py.")
        for name, (holds, value, reason) in rules.items()
        if not holds
    ]
    return errors + _check_retry(queue)


def _check_retry(queue: dict[str, Any]) -> list[Error]:
    """The lock starts at the fetch: it must outlast what is fetched ahead and then worked."""
    workers, timeout = queue.get("workers") or 1, queue.get("timeout")
    if not timeout:
        hint = "Without it a task that hangs holds its worker for ever: write 60."
        return [error(11, 'Q_CLUSTER["timeout"] is missing.', hint=hint)]
    bound = timeout * (queue.get("queue_limit", workers**2) / workers + 1)
    if queue.get("retry", 60) > bound:
        return []
    message = f'Q_CLUSTER["retry"] must be more than {bound:.0f}: tasks would run twice.'
    return [error(11, message, hint="retry > timeout x (queue_limit / workers + 1)")]


@register("sqlite")
def check_sqlite(**_: Any) -> list[Error]:
    """Report a SQLite database that would answer "database is locked" under two processes."""
    database = settings.DATABASES["default"]
    if "sqlite" not in database["ENGINE"]:
        return []
    options = database.get("OPTIONS", {})
    rules = {
        "transaction_mode": options.get("transaction_mode") == "IMMEDIATE",
        "init_command": "journal_mode=WAL" in options.get("init_command", "").replace(" ", ""),
    }
    wanted = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"}
    return [
        error(
            12,
            f'DATABASES["default"]["OPTIONS"]["{name}"] must be "{wanted[name]}" on SQLite.',
            hint="Without it two processes run into `database is locked`.",
        )
        for name, holds in rules.items()
        if not holds
    ]


@register("security")
def check_origins(**_: Any) -> list[Error]:
    """Report hosts and origins that would let other sites in."""
    errors = []
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Name the hosts this site answers for, such as notify.example.com."
        errors.append(error(13, 'ALLOWED_HOSTS must not contain "*".', hint=hint))
    if not settings.TRUSTED_ORIGINS:
        hint = "Write the origin pages are served from, such as https://notify.example.com."
        errors.append(error(14, "TRUSTED_ORIGINS is empty: no socket could connect.", hint=hint))
    return errors + [
        error(
            14,
            f"TRUSTED_ORIGINS: {origin!r} is not a full origin.",
            hint="Write scheme, host and port, nothing else: https://notify.example.com:8443.",
        )
        for origin in not_origins(settings.TRUSTED_ORIGINS)
    ]


def not_origins(origins: Iterable[str]) -> list[str]:
    """Return those that are not exactly scheme://host[:port]."""
    return [origin for origin in origins if not _is_origin(origin)]


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.hostname or "*" in text:
        return False
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return text.lower() == f"{parts.scheme}://{host}{port}"


@register("notifications")
def check_numbers(**_: Any) -> list[Error]:
    """Report settings of the engine that should be numbers above zero."""
    return [
        error(15, f"{name} must be a number above 0.", hint=f"{name}=8, for example.")
        for name in POSITIVE
        if not _is_within(getattr(settings, name), above=0.0)
    ]


@register("notifications")
def check_silence(**_: Any) -> list[Error]:
    """Report a patience with silent workers that a busy one, or a patient, cannot live with."""
    if _is_within(settings.NOTIFICATIONS_WORKER_SILENCE, above=4.9, up_to=60.0):
        return []
    message = "NOTIFICATIONS_WORKER_SILENCE must be a number from 5 to 60."
    hint = "A busy worker stirs every 5 s; with more than 60 delivery stops for minutes."
    return [error(15, message, hint=hint)]


def _is_within(value: Any, *, above: float, up_to: float = float("inf")) -> bool:
    try:
        return above < float(value) <= up_to
    except (TypeError, ValueError):
        return False


@register("notifications")
def check_names(**_: Any) -> list[Error]:
    """Report settings that name something that is not there."""
    errors = []
    for name in (*CALLABLES, *provider_settings()):
        try:
            found = import_string(value) if (value := getattr(settings, name)) else name
        except ImportError as problem:
            hint = "Write the dotted path of something that can be imported."
            errors.append(error(16, f"{name}: {problem}.", hint=hint))
            continue
        if not callable(found) and found != name:
            errors.append(
                error(16, f"{name} names nothing that can be called.", hint="See README.")
            )
    return errors + _check_agreements()


def provider_settings() -> list[str]:
    """Return the settings that name a carrier, those of channels added later included."""
    return [
        name
        for name in sorted(set(dir(settings)))
        if name.startswith("NOTIFICATIONS_") and name.endswith("_PROVIDER")
    ]


def _check_agreements() -> list[Error]:
    named = [name for name in settings.NOTIFICATIONS_AGREEMENTS.split(",") if name]
    known = PatientNotificationChannel.values
    return [
        error(
            17,
            f"NOTIFICATIONS_AGREEMENTS: {name!r} is no channel.",
            hint=f"Known are {', '.join(known)}; separate them by commas, without spaces.",
        )
        for name in named
        if name not in known
    ]
