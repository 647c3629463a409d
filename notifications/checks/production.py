"""What production must not do: `manage.py check --deploy`."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from notifications import providers
from notifications.channels.push import Push
from notifications.checks.engine import error, provider_settings
from notifications.providers import esp, ses, sns, vapid

LOCAL_MAIL = ("console", "dummy", "filebased", "locmem")
LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"
YEAR = 365 * 24 * 60 * 60
# Apple's service turns away the pushes of a sender at localhost.
SUBJECT = re.compile(r"mailto:[^@\s]+@[^@\s.]+(\.[^@\s.]+)+|https://[^/\s.]+(\.[^/\s.]+)+(/\S*)?")
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


def production(check):
    """Register a check of production's settings."""
    return register(Tags.security, deploy=True)(check)


@production
def check_debug(**_: Any) -> list[Error]:
    if settings.DEBUG:
        return [error(101, "DEBUG is on: error pages would show settings.", hint="DEBUG=false")]
    return []


@production
def check_carriers(**_: Any) -> list[Error]:
    """Report whatever would keep messages on this machine and call them sent."""
    errors = [
        error(
            103,
            f"{name} is the outbox: nobody would get what is sent.",
            hint=f"Name a carrier, or write {name}= (empty) to switch the channel off.",
        )
        for name in provider_settings()
        if _is_outbox(getattr(settings, name))
    ]
    if not _lacks_boto3() and _mail_stays_here(settings.EMAIL_BACKEND):
        hint = "EMAIL_BACKEND=django.core.mail.backends.smtp.EmailBackend, or one of Anymail's."
        errors.append(error(102, "EMAIL_BACKEND keeps mail on this machine.", hint=hint))
    return errors


@production
def check_carriers_settings(**_: Any) -> list[Error]:
    """Report a carrier that is named and lacks what it needs: its channel would be off."""
    return [
        error(
            115,
            f"{lacking} is empty: {name} names a carrier that needs it.",
            hint=f"Fill it in, or write {name}= (empty) to switch the channel off.",
        )
        for name in provider_settings()
        for lacking in _missing(getattr(settings, name))
    ]


def _missing(name: str) -> list[str]:
    try:
        return providers.missing(name) if name else []
    except ImportError:
        return []  # another check says so


def _is_outbox(name: str) -> bool:
    try:
        return providers.is_outbox(name)
    except (ImportError, AttributeError):
        return False  # another check says so


def _mail_stays_here(path: str) -> bool:
    try:
        backend = import_string(path)
    except ImportError:
        return True
    is_local = any(backend.__module__ == f"django.core.mail.backends.{name}" for name in LOCAL_MAIL)
    return is_local or getattr(backend, "is_outbox", False)


@production
def check_pace(**_: Any) -> list[Error]:
    """Report waits that are over before a call is, or before a carrier's list can show it."""
    fewest = {"NOTIFICATIONS_LEASE_SECONDS": 20, "NOTIFICATIONS_LOOK_UP_SECONDS": 60}
    hint = "Leave it out: the default is what was tried."
    return [
        error(118, f"{name} must be {least} or more: a message could go twice.", hint=hint)
        for name, least in fewest.items()
        if float(getattr(settings, name)) < least
    ]


@production
def check_twilio(**_: Any) -> list[Error]:
    """Report a stand-in for Twilio, or texts that would travel in clear."""
    if urlsplit(settings.NOTIFICATIONS_TWILIO_API).scheme == "https":
        return []
    message = "NOTIFICATIONS_TWILIO_API must be https: texts go there with your account's token."
    return [error(119, message, hint="Leave it out, or NOTIFICATIONS_TWILIO_API=https://...")]


@production
def check_push(**_: Any) -> list[Error]:
    """Report a key or an address of the sender that push services would not take."""
    if not settings.NOTIFICATIONS_PUSH_PROVIDER.endswith(".WebPush"):
        return []
    errors = []
    if settings.NOTIFICATIONS_VAPID_PRIVATE_KEY and not Push().public_key():
        message = "NOTIFICATIONS_VAPID_PRIVATE_KEY is no key: no push could be sent."
        errors.append(error(116, message, hint="Make one: manage.py vapid_keys --write --replace"))
    if not SUBJECT.fullmatch(vapid.subject()):
        message = "NOTIFICATIONS_VAPID_SUBJECT is no address a push service could write to."
        hint = "NOTIFICATIONS_VAPID_SUBJECT=mailto:it@example.com"
        errors.append(error(117, message, hint=hint))
    return errors


@production
def check_mail(**_: Any) -> list[Error]:
    """Report mail that could hang, travel in clear, or take anybody's word for a receipt."""
    errors = []
    if not settings.EMAIL_TIMEOUT:
        hint = "EMAIL_TIMEOUT = 10 in settings.py."
        errors.append(error(104, "EMAIL_TIMEOUT is not set: a carrier could hang us.", hint=hint))
    is_smtp = settings.EMAIL_BACKEND.startswith("django.core.mail.backends.smtp")
    if is_smtp and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        message = "EMAIL_USE_TLS is off: mail would travel in clear."
        errors.append(error(105, message, hint="EMAIL_USE_TLS=true and EMAIL_PORT=587"))
    is_anymail = settings.EMAIL_BACKEND.startswith("anymail.")
    is_signed = esp.named() == esp.SES  # by SNS, whose key no setting holds
    if is_anymail and not is_signed and ":" not in (settings.ANYMAIL.get("WEBHOOK_SECRET") or ""):
        message = "ANYMAIL_WEBHOOK_SECRET is not set: anybody could post receipts."
        errors.append(error(106, message, hint="ANYMAIL_WEBHOOK_SECRET=<random>:<random>"))
    return errors + (_check_service(esp.named()) if is_anymail else [])


def _check_service(name: str) -> list[Error]:
    """Report an e-mail service whose calls nothing verifies (R-13)."""
    service = esp.SERVICES.get(name)
    if service is None:
        message = f"EMAIL_BACKEND: what {name} calls us with cannot be verified, or not read."
        return [error(120, message, hint=f"Use one of: {', '.join(esp.SERVICES)}; or SMTP.")]
    if name == esp.SES:
        return _check_ses()
    if not service.key or settings.ANYMAIL.get(service.key):
        return []
    setting = f"ANYMAIL_{service.key}"
    message = f"{setting} is not set: receipts could not be verified."
    return [error(121, message, hint=f"{setting}=<the key {name} signs its webhooks with>")]


def _check_ses() -> list[Error]:
    """Report what Amazon SES lacks: whose calls are believed, and the library that sends."""
    hint = "NOTIFICATIONS_SNS_TOPICS=arn:aws:sns:us-east-1:123456789012:mail-events"
    named = sns.topics()
    errors = [
        error(123, f"NOTIFICATIONS_SNS_TOPICS: {name} is no ARN of a topic of SNS.", hint=hint)
        for name in named
        if not sns.is_topic(name)
    ]
    if not named:
        message = "NOTIFICATIONS_SNS_TOPICS is empty: what Amazon SES says would be refused."
        errors.append(error(122, message, hint=hint))
    if _lacks_boto3():
        message = "EMAIL_BACKEND: Amazon SES needs boto3, which is not installed."
        hint = "pip install --require-hashes -r requirements-ses.txt"
        errors.append(error(124, message, hint=hint))
    return errors


def _lacks_boto3() -> bool:
    return esp.named() == esp.SES and not ses.has_library()


@production
def check_addresses(**_: Any) -> list[Error]:
    """Report links, origins and cookies that would travel without TLS."""
    errors = []
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        message = "PUBLIC_URL must be https: it is in messages and carriers' callbacks."
        errors.append(error(107, message, hint="PUBLIC_URL=https://notify.example.com"))
    clear = [origin for origin in settings.TRUSTED_ORIGINS if not origin.startswith("https://")]
    if clear:
        hint = "TRUSTED_ORIGINS=https://notify.example.com"
        errors.append(error(108, f"TRUSTED_ORIGINS must be https: {', '.join(clear)}.", hint=hint))
    if settings.SECURE_HSTS_SECONDS < YEAR or not settings.SECURE_SSL_REDIRECT:
        message = "SECURE_HSTS_SECONDS must be a year or more, and SECURE_SSL_REDIRECT on."
        errors.append(error(109, message, hint="DEBUG=false sets both."))
    if not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE):
        message = "SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE must be on."
        errors.append(error(110, message, hint="DEBUG=false sets both."))
    return errors


@production
def check_channel_layer(**_: Any) -> list[Error]:
    """Report a doorbell that rings in one process only, or that closes sockets on a restart."""
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    if backend == LAYER:
        return []
    return [
        error(
            111,
            f"CHANNEL_LAYERS uses {backend}: more than one process needs {LAYER}.",
            hint="REDIS_URL=rediss://host:6379/0",
        )
    ]


@production
def check_api(**_: Any) -> list[Error]:
    """Report the browsable API: it draws forms and runs scripts of its own."""
    renderers = settings.REST_FRAMEWORK.get("DEFAULT_RENDERER_CLASSES", [""])
    if all(name.endswith("JSONRenderer") for name in renderers):
        return []
    message = 'REST_FRAMEWORK["DEFAULT_RENDERER_CLASSES"] must be JSON only.'
    return [error(112, message, hint='["rest_framework.renderers.JSONRenderer"]')]


@production
def check_way_to_servers(**_: Any) -> list[CheckMessage]:
    """Warn of a database or Redis on another machine that is spoken to in clear."""
    warnings = []
    database = settings.DATABASES["default"]
    mode = str(database.get("OPTIONS", {}).get("sslmode", ""))
    is_remote = "postgresql" in database["ENGINE"] and _is_remote(str(database.get("HOST") or ""))
    if is_remote and mode not in ("require", "verify-ca", "verify-full"):
        hint = "DATABASE_URL=postgres://...?sslmode=verify-full"
        message = "DATABASE_URL: the database is on another machine, without TLS."
        warnings.append(Warning(message, hint=hint, id="notifications.W113"))
    redis = urlsplit(settings.REDIS_URL)
    if redis.scheme == "redis" and _is_remote(redis.hostname or ""):
        message = "REDIS_URL: Redis is on another machine, without TLS."
        hint = "REDIS_URL=rediss://host:6379/0"
        warnings.append(Warning(message, hint=hint, id="notifications.W114"))
    return warnings


def _is_remote(host: str) -> bool:
    return host not in LOOPBACK and not host.startswith("/")
