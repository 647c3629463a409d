"""The system checks: each wrong setting is named, with what to write instead."""

import re
import subprocess
import sys

import pytest
from django.conf import settings as live
from django.core.checks import run_checks
from django.template import engines

from notifications.channels.base import Channel
from notifications.checks.engine import not_origins
from notifications.checks.texts import names_in
from notifications.enums import (
    Category,
    ContactKind,
    Level,
    PatientNotificationChannel,
    PatientNotificationType,
    Purpose,
)
from portal.notification_types.lab_results import LabResultsPayload
from tests.rig.environment import production
from tests.rig.processes import ROOT

HAND_TYPED = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


OUTBOX = "notifications.providers.outbox.Outbox"


def layer(backend):
    return {"default": {"BACKEND": backend}}


def complaints(*, deploy=False):
    """What the checks say, a line each: the message and its hint."""
    found = run_checks(include_deployment_checks=deploy)
    return [f"{one.msg} {one.hint}" for one in found if one.id.startswith("notifications.")]


def check_in(**environment):
    """Run `manage.py check --deploy` on a made-up production with some variables changed."""
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=ROOT,
        env=production() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_settings_of_these_tests_have_nothing_wrong():
    assert complaints() == []


# -- keys ---------------------------------------------------------------------------------------


@pytest.mark.req("S-18")
@pytest.mark.parametrize(
    "setting",
    ["NOTIFICATIONS_MASTER_KEYS", "NOTIFICATIONS_INDEX_KEY", "NOTIFICATIONS_AUDIT_KEYS"],
)
@pytest.mark.parametrize("value", ["", "1:", "short", "1:c2hvcnQ=", "zero:abcd", "é"])
def test_a_missing_or_short_key_is_named(settings, setting, value):
    setattr(settings, setting, value)
    [said] = complaints()
    assert setting in said
    assert "urandom" in said


@pytest.mark.req("S-18")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("NOTIFICATIONS_MASTER_KEYS", f"1:{HAND_TYPED}"),
        ("NOTIFICATIONS_INDEX_KEY", HAND_TYPED),
        ("NOTIFICATIONS_AUDIT_KEYS", "1:" + "A" * 43 + "="),
    ],
)
def test_a_key_somebody_typed_is_named(settings, setting, value):
    setattr(settings, setting, value)
    assert [said for said in complaints() if said.startswith(f"{setting} is not random")]


@pytest.mark.req("H-05")
def test_a_key_used_twice_is_named(settings):
    shared = settings.NOTIFICATIONS_INDEX_KEY
    settings.NOTIFICATIONS_MASTER_KEYS += f",9:{shared}"
    assert [said for said in complaints() if "MASTER_KEYS and NOTIFICATIONS_INDEX_KEY" in said]


@pytest.mark.req("H-05")
@pytest.mark.parametrize("of", ["NOTIFICATIONS_INDEX_KEY", "NOTIFICATIONS_MASTER_KEYS"])
def test_a_secret_key_that_is_also_another_key_is_named(settings, of):
    settings.SECRET_KEY = getattr(settings, of)
    assert [said for said in complaints() if "SECRET_KEY hold the same key" in said]


@pytest.mark.req("S-18")
@pytest.mark.parametrize(
    "value", ["short", "x" * 60, "django-insecure-q7w9e2r5t8y1u4i6o3p0asdfghjklzxcvbnm!@#$%^"]
)
def test_a_sample_or_short_secret_key_is_named(settings, value):
    settings.SECRET_KEY = value
    assert [said for said in complaints() if said.startswith("SECRET_KEY must be")]


@pytest.mark.req("S-18")
def test_without_keys_no_command_starts():
    done = check_in(NOTIFICATIONS_MASTER_KEYS="")
    assert done.returncode == 1
    assert "NOTIFICATIONS_MASTER_KEYS is empty" in done.stderr


@pytest.mark.req("S-18")
def test_without_keys_no_web_server_starts():
    done = subprocess.run(
        [sys.executable, "-c", "import dentamind.asgi"],
        cwd=ROOT,
        env=production() | {"NOTIFICATIONS_INDEX_KEY": HAND_TYPED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "NOTIFICATIONS_INDEX_KEY is not random. " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.req("S-18")
def test_no_key_is_in_the_repository():
    example = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^(?:# )?(\w*(?:KEYS?|SECRET|TOKEN|PASSWORD))=(.*)$", example, re.M))
    assert "SECRET_KEY" in given
    assert not any(given.values())
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    assert not {".env", "db.sqlite3"} & set(listed.stdout.splitlines())


# -- what was measured --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orm", None),
        ("workers", 1),
        ("max_attempts", 0),
        ("max_attempts", 3),
        ("ack_failures", False),
        ("catch_up", True),
        ("save_limit", 250),
        ("sync", True),
        ("timeout", None),
        ("retry", 120),
    ],
)
def test_each_line_of_the_queue_is_held(settings, name, value):
    settings.Q_CLUSTER = settings.Q_CLUSTER | {name: value}
    assert [said for said in complaints() if f'Q_CLUSTER["{name}"]' in said]


def test_retry_must_outlast_what_is_fetched_ahead(settings):
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"queue_limit": 6}
    [said] = complaints()
    assert "more than 240" in said


@pytest.mark.parametrize("name", ["transaction_mode", "init_command"])
def test_sqlite_runs_in_wal_with_immediate_transactions(monkeypatch, name):
    options = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"}
    options.pop(name)
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "x", "OPTIONS": options}
    monkeypatch.setitem(live.DATABASES, "default", sqlite)
    [said] = complaints()
    assert name in said


@pytest.mark.req("S-03")
def test_any_host_is_refused(settings):
    settings.ALLOWED_HOSTS = ["notify.example.com", "*"]
    [said] = complaints()
    assert "ALLOWED_HOSTS" in said


@pytest.mark.req("S-03")
@pytest.mark.parametrize(
    "origin",
    [
        "notify.example.com",
        "https://",
        "https://*.example.com",
        "https://notify.example.com/",
        "https://notify.example.com/portal",
        "https://user@notify.example.com",
        "ftp://notify.example.com",
        "https://notify.example.com:port",
        "null",
    ],
)
def test_an_origin_is_scheme_host_and_port(settings, origin):
    settings.TRUSTED_ORIGINS = ["https://good.example.com", origin]
    [said] = complaints()
    assert "TRUSTED_ORIGINS" in said
    assert repr(origin) in said


def test_good_origins_pass():
    good = ["https://a.example", "http://localhost:8000", "https://[::1]:8443", "https://1.2.3.4"]
    assert not_origins(good) == []


def test_no_origin_at_all_is_named(settings):
    settings.TRUSTED_ORIGINS = []
    assert "TRUSTED_ORIGINS is empty" in complaints()[0]


@pytest.mark.parametrize("value", ["", "none", "0", "-1"])
@pytest.mark.parametrize("name", ["NOTIFICATIONS_SEND_SLOTS", "NOTIFICATIONS_POLL_SECONDS"])
def test_numbers_are_numbers(settings, name, value):
    setattr(settings, name, value)
    [said] = complaints()
    assert name in said


@pytest.mark.parametrize(("value", "is_wrong"), [("4", 1), ("61", 1), ("soon", 1), ("5", 0)])
def test_the_patience_with_silent_workers_has_bounds(settings, value, is_wrong):
    settings.NOTIFICATIONS_WORKER_SILENCE = value
    assert len(complaints()) == is_wrong


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTIFICATIONS_ACCESS", "portal.access.nobody"),
        ("NOTIFICATIONS_PROFILES", "portal.nowhere.profiles"),
        ("NOTIFICATIONS_ANSWERS", "portal.services.answers.nobody"),
        ("NOTIFICATIONS_SMS_PROVIDER", "twilio"),
        ("NOTIFICATIONS_PIGEON_PROVIDER", "pigeons.Loft"),
        ("NOTIFICATIONS_AGREEMENTS", "email,fax"),
    ],
)
def test_a_name_of_nothing_is_named(settings, name, value):
    setattr(settings, name, value)
    [said] = complaints()
    assert name in said


def test_a_channel_without_a_carrier_is_fine(settings):
    settings.NOTIFICATIONS_SMS_PROVIDER = ""
    assert complaints() == []


# -- production ---------------------------------------------------------------------------------


@pytest.fixture
def production_settings(settings):
    """A production without a fault, in this process."""
    good = {
        "DEBUG": False,
        "PUBLIC_URL": "https://notify.dental.example",
        "TRUSTED_ORIGINS": ["https://notify.dental.example"],
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_USE_TLS": True,
        "NOTIFICATIONS_SMS_PROVIDER": "",
        "NOTIFICATIONS_PUSH_PROVIDER": "",
        "CHANNEL_LAYERS": {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}},
        "REDIS_URL": "rediss://redis.internal:6379/0",
        "SECURE_HSTS_SECONDS": 365 * 24 * 60 * 60,
        "SECURE_SSL_REDIRECT": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
    }
    for name, value in good.items():
        setattr(settings, name, value)
    return settings


@pytest.mark.req("S-24")
def test_a_complete_production_is_clean():
    done = check_in()
    assert done.returncode == 0, done.stderr
    assert "notifications." not in done.stderr


@pytest.mark.req("S-18")
def test_a_production_of_defaults_fails_and_names_each_setting():
    done = check_in(
        EMAIL_BACKEND="notifications.providers.outbox.EmailBackend",
        NOTIFICATIONS_SMS_PROVIDER=OUTBOX,
        PUBLIC_URL="http://localhost:8000",
        REDIS_URL="",
        DEBUG="true",
    )
    assert done.returncode == 1
    for name in ("EMAIL_BACKEND", "SMS_PROVIDER", "PUBLIC_URL", "CHANNEL_LAYERS", "DEBUG"):
        assert name in done.stderr


@pytest.mark.req("H-05")
@pytest.mark.req("S-24")
@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("DEBUG", True, "DEBUG=false"),
        ("PUBLIC_URL", "http://notify.dental.example", "PUBLIC_URL=https://"),
        ("TRUSTED_ORIGINS", ["http://notify.dental.example"], "TRUSTED_ORIGINS=https://"),
        ("EMAIL_BACKEND", "notifications.providers.outbox.EmailBackend", "smtp"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "smtp"),
        ("EMAIL_BACKEND", "nowhere.Backend", "smtp"),
        ("EMAIL_USE_TLS", False, "EMAIL_USE_TLS=true"),
        ("EMAIL_TIMEOUT", None, "EMAIL_TIMEOUT = 10"),
        ("NOTIFICATIONS_SMS_PROVIDER", OUTBOX, "Name a carrier"),
        ("NOTIFICATIONS_PUSH_PROVIDER", OUTBOX, "Name a carrier"),
        ("NOTIFICATIONS_PIGEON_PROVIDER", OUTBOX, "Name a carrier"),
        ("CHANNEL_LAYERS", layer("channels.layers.InMemoryChannelLayer"), "REDIS_URL="),
        ("CHANNEL_LAYERS", layer("channels_redis.core.RedisChannelLayer"), "REDIS_URL="),
        ("SECURE_HSTS_SECONDS", 0, "DEBUG=false"),
        ("SECURE_SSL_REDIRECT", False, "DEBUG=false"),
        ("SESSION_COOKIE_SECURE", False, "DEBUG=false"),
        ("CSRF_COOKIE_SECURE", False, "DEBUG=false"),
        ("REST_FRAMEWORK", {"DEFAULT_RENDERER_CLASSES": ["x.BrowsableAPIRenderer"]}, "JSON"),
        ("REDIS_URL", "redis://redis.internal:6379/0", "rediss://"),
    ],
)
def test_what_production_must_not_do_is_named(production_settings, name, value, hint):
    assert complaints(deploy=True) == []
    setattr(production_settings, name, value)
    [said] = complaints(deploy=True)
    assert name in said
    assert hint in said


@pytest.mark.req("S-13")
def test_receipts_without_a_secret_are_refused(production_settings):
    production_settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    [said] = complaints(deploy=True)
    assert "ANYMAIL_WEBHOOK_SECRET" in said
    production_settings.ANYMAIL = {"WEBHOOK_SECRET": "some:secret"}
    assert complaints(deploy=True) == []


@pytest.mark.req("H-05")
def test_a_database_elsewhere_without_tls_is_named(production_settings, monkeypatch):
    elsewhere = {"ENGINE": "django.db.backends.postgresql", "HOST": "db.internal", "OPTIONS": {}}
    monkeypatch.setitem(live.DATABASES, "default", elsewhere)
    [said] = complaints(deploy=True)
    assert "sslmode" in said
    for fine in ({"OPTIONS": {"sslmode": "verify-full"}}, {"HOST": "/run/postgresql"}):
        monkeypatch.setitem(live.DATABASES, "default", elsewhere | fine)
        assert complaints(deploy=True) == []


# -- types and templates ------------------------------------------------------------------------


@pytest.fixture
def templates(settings, tmp_path):
    """Let a test write templates of its own, in front of the project's."""
    settings.TEMPLATES = [
        {**live.TEMPLATES[0], "DIRS": [tmp_path, *live.TEMPLATES[0]["DIRS"]]},
    ]

    def write(name, text):
        path = tmp_path / "notifications" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for loader in engines["django"].engine.template_loaders:
            loader.reset()

    return write


def translated(text):
    return "{% load i18n %}" + text + "{% endblocktranslate %}"


@pytest.mark.req("H-10")
@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("email.txt", "{{ test_name }}"),
        ("email.txt", "{% if summary %}A word from your dentist.{% endif %}"),
        ("email.txt", "{% for each in summary %}x{% endfor %}"),
        (
            "email.txt",
            '{% extends "notifications/_default/email.txt" %}'
            "{% block body %}{{ test_name|upper }}{% endblock %}",
        ),
        (
            "email.html",
            "{% load i18n %}{% blocktranslate %}{{ test_name }} is in{% endblocktranslate %}",
        ),
        (
            "email.html",
            "{% load i18n %}{% blocktranslate with x=summary %}{{ x }}{% endblocktranslate %}",
        ),
        ("email.html", '{% include "notifications/lab_results/in_app.txt" %}'),
        ("sms.txt", "{% with x=test_name %}{{ x }}{% endwith %}"),
        ("push.txt", "{{ provider_name }}"),
        ("email_subject.txt", "{{ provider_name }} wrote"),
    ],
)
def test_a_template_above_its_channels_ceiling_is_named(templates, part, text):
    templates(f"lab_results/{part}", text)
    [said, *_] = complaints()
    assert f"notifications/lab_results/{part} uses" in said


def test_what_the_ceiling_allows_passes(templates):
    templates("lab_results/email.txt", "{{ provider_name }} {{ view_url }} {{ practice_name }}")
    assert complaints() == []


def test_names_are_found_in_every_corner_of_a_template(templates):
    templates(
        "x/y.txt",
        "{% load i18n %}{{ a.b }}{% if c == d|default:e %}{{ f }}{% else %}{{ g }}{% endif %}"
        "{% blocktranslate count n=h %}{{ i }}{% plural %}{{ j }}{% endblocktranslate %}"
        "{% for k in l %}{{ k }}{% empty %}{{ m }}{% endfor %}{% firstof o p %}"
        '{% include "notifications/x/z.txt" with q=r %}',
    )
    templates("x/z.txt", "{{ s }}")
    assert set("acdefghijlmoprs") <= names_in("notifications/x/y.txt")


@pytest.mark.req("M-03")
def test_m03_words_too_long_for_one_text_are_named(templates):
    templates("payment_due/sms.txt", "{{ practice_name|slice:':36' }}: " + "words " * 24)
    [english, spanish] = complaints()
    assert "What channel sms says of payment_due in en can be too long" in english
    assert "payment_due in es" in spanish


@pytest.mark.req("M-03")
def test_m03_names_that_are_not_cut_make_a_text_too_long(templates):
    templates("payment_due/sms.txt", "{{ practice_name }} STOP to opt out.")
    assert complaints() == []
    templates("payment_due/sms.txt", "{{ practice_name }}, {{ phone }} STOP to opt out.")
    assert len(complaints()) == 2


@pytest.mark.req("H-22")
@pytest.mark.parametrize("constant", ["category", "purpose", "priority"])
def test_a_type_without_its_class_in_law_is_named(monkeypatch, constant):
    monkeypatch.setattr(LabResultsPayload, constant, "whatever")
    [said] = complaints()
    assert f"LabResultsPayload: {constant} is not one of the known" in said


@pytest.mark.req("H-22")
def test_every_type_has_a_category_and_a_purpose():
    for cls in PatientNotificationType.classes():
        assert cls.category in Category.values
        assert cls.purpose in Purpose.values


def test_a_type_that_names_an_unknown_channel_is_named(monkeypatch):
    monkeypatch.setattr(LabResultsPayload, "channels", ("in_app", "fax"))
    [said] = complaints()
    assert "channels names no channel: fax" in said


@pytest.fixture
def pigeon():
    """A channel without a template."""

    @PatientNotificationChannel.register
    class Pigeon(Channel):
        key = "pigeon"
        label = "Pigeon"
        contact_kind = ContactKind.EMAIL
        ceiling = Level.L0
        parts = ("pigeon.txt",)

        def send(self, *, envelope, content):
            """Fly."""

    yield Pigeon
    PatientNotificationChannel.unregister("pigeon")


def test_a_channel_without_a_default_text_is_named(pigeon, templates):
    [said] = complaints()
    assert "notifications/_default/pigeon.txt is missing" in said
    templates("_default/pigeon.txt", "Coo.")
    assert complaints() == []
