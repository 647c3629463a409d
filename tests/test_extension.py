"""A type and a channel are each one file: added to a copy of the project, they are everywhere.

The type is the one of docs/types.md, as it is printed there. Nothing else is edited, nothing is
migrated.
"""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.rig import environment
from tests.rig.processes import ROOT

OUTBOX = "notifications.providers.outbox.Outbox"
CHANNEL = '''
"""Fax: the neutral sentence, on paper."""

from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from notifications import providers
from notifications.channels.base import Channel
from notifications.enums import ContactKind, Level, PatientNotificationChannel
from notifications.types import Envelope, SendResult


@PatientNotificationChannel.register
class Fax(Channel):
    key, label, icon = "fax", _("Fax"), "file-text"
    contact_kind = ContactKind.PHONE
    ceiling = Level.L0
    parts = ("fax.txt",)

    def is_rehearsal(self) -> bool:
        return providers.is_outbox(settings.NOTIFICATIONS_FAX_PROVIDER)

    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        carrier = providers.load(settings.NOTIFICATIONS_FAX_PROVIDER)
        return carrier(channel=self.key).send(envelope=envelope, content=content)
'''
DEFAULT_TEXT = "You have a new message from {{ public_name }}."
STORY = """
import json
from datetime import datetime

import django

django.setup()

from django.conf import settings
from django.test import Client
from django.urls import reverse

from notifications import clock, consent, contacts
from notifications.enums import ContactKind, Purpose
from notifications.models import Delivery
from notifications.providers.outbox import OutboxMessage
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.models import Practice, User
from portal.notification_types.estimate_ready import EstimateReadyPayload

settings.ALLOWED_HOSTS.append("testserver")
Practice.objects.create(name="Main Street Dental", public_name="Main Street Dental")
ana = User.objects.create_user(username="ana@example.com", first_name="Ana", last_name="Example")
chief = User.objects.create_superuser(username="chief@example.com")
desk = "system:desk"
phone = contacts.add(patient_id=ana.pk, kind=ContactKind.PHONE, value="+12125550142", actor=desk)
contacts.send_code(patient_id=ana.pk, contact_id=phone.pk, actor=desk)
coded = [row.channel for row in OutboxMessage.objects.all()]
phone = contacts.mark_verified(contact_id=phone.pk, actor=desk)
consent.record(
    contact=phone, purpose=Purpose.TREATMENT, granted=True, source="desk", actor=desk,
    wording=consent.CURRENT_TEXT_WORDING,
)

patient, staff = Client(), Client()
backend = "django.contrib.auth.backends.ModelBackend"
patient.force_login(ana, backend=backend)
staff.force_login(chief, backend=backend)
url = "/api/patient-notifications/preferences"
before = patient.get(url).json()["estimate_ready"]
put = patient.put(
    f"{url}/estimate_ready", {"fax_enabled": True}, content_type="application/json"
)
with clock.at(datetime.fromisoformat("2026-11-24T12:00-05:00")):
    patient_notification_service.create_notification(
        patient_id=ana.pk, payload=EstimateReadyPayload.example()
    )
    notification_scheduler_service.run_due()
[listed] = patient.get("/api/patient-notifications").json()
told = {
    "coded_by": coded,
    "before": before,
    "put": [put.status_code, put.json()],
    "listed": listed,
    "settings_page": patient.get("/notifications/settings/").content.decode(),
    "schema": patient.get("/api/schema/").content.decode(),
    "faxed": [row.content["text"] for row in OutboxMessage.objects.filter(channel="fax")],
    "statuses": dict(Delivery.objects.values_list("channel", "status")),
    "messages": staff.get(
        reverse("admin:notifications_patientnotification_changelist")
    ).content.decode(),
    "deliveries": staff.get(reverse("admin:notifications_delivery_changelist")).content.decode(),
}
print("TOLD " + json.dumps(told))
"""


def printed(language, *, after):
    """The first block of code in the recipe behind some words."""
    page = (ROOT / "docs/types.md").read_text().split(after, 1)[1]
    return re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with three files more."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("carriers", "notifications", "portal", "dentamind", "templates", "static"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "manage.py", copy)
    files = {
        "portal/notification_types/estimate_ready.py": printed(
            "python", after="**1. The payload**"
        ),
        "templates/notifications/estimate_ready/in_app.txt": printed(
            "", after="`templates/notifications/estimate_ready/in_app.txt`:"
        ),
        "notifications/channels/fax.py": CHANNEL,
        "templates/notifications/_default/fax.txt": DEFAULT_TEXT,
    }
    for name, text in files.items():
        assert not (copy / name).exists(), f"{name} is there already: choose another for this test"
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(text.strip() + "\n")
    return copy


@pytest.fixture(scope="module")
def run_in(project):
    settings = environment.testing(database_url=f"sqlite:///{project / 'db.sqlite3'}") | {
        "DJANGO_SETTINGS_MODULE": "dentamind.settings",
        "NOTIFICATIONS_FAX_PROVIDER": OUTBOX,
    }

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=project,
            env=settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def told(run_in):
    """What a patient and staff see of the new type and channel."""
    run_in("manage.py", "migrate", "--verbosity", "0")
    line = next(line for line in run_in("-c", STORY).splitlines() if line.startswith("TOLD "))
    return json.loads(line.removeprefix("TOLD "))


def test_nothing_is_migrated_and_nothing_is_wrong(run_in):
    assert "No changes detected" in run_in("manage.py", "makemigrations", "--check", "--dry-run")
    run_in("manage.py", "check")


def test_the_api_shows_the_type_and_a_switch_for_the_channel(told):
    assert told["before"]["fax_enabled"] is False
    assert "fax" in told["before"]["available"]
    status, answer = told["put"]
    assert status == 200
    assert answer["fax_enabled"] is True
    assert "fax_enabled" in told["schema"]


def test_the_settings_page_shows_both(told):
    assert "Estimates" in told["settings_page"]
    assert "Fax" in told["settings_page"]


def test_the_admin_filters_by_both(told):
    assert "Estimates" in told["messages"]
    assert "Fax" in told["deliveries"]


def test_a_message_of_the_type_is_listed_and_goes_by_the_channel(told):
    assert told["listed"]["type"] == "estimate_ready"
    assert told["listed"]["title"] == "A paper for you to look at"
    assert "45.00" in told["listed"]["message"]
    assert told["statuses"]["fax"] == "accepted"
    assert told["faxed"] == ["You have a new message from Main Street Dental."]


def test_a_new_channel_to_the_same_addresses_does_not_take_over_their_codes(told):
    assert told["coded_by"] == ["sms"]
