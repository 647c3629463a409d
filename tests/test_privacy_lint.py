"""What leaves the portal is looked through: a treatment that slipped into it does not leave."""

import dataclasses
from decimal import Decimal

import pytest

from notifications import clock, incoming
from notifications.enums import (
    AuditAction,
    CallReason,
    DeliveryStatus,
    Level,
    PatientNotificationType,
    Reason,
)
from notifications.models import AuditEvent, CallTask, DeliveryAttempt, PatientNotification
from notifications.privacy import given_away, plain
from notifications.services import patient_notification_service
from notifications.types import Receipt, logistics, phi
from portal.notification_types._visit import SETTLES_FOR
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from tests.engine import (
    NotePayload,
    Told,
    ToldMail,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    said_to_patient,
    send,
    status_of,
)

pytestmark = pytest.mark.usefixtures("carrier", "noon")
in_a_table = pytest.mark.django_db
BLOCKED = (DeliveryStatus.ACCEPTED, Reason.PHI_BLOCKED)
SENT = (DeliveryStatus.ACCEPTED, Reason.NONE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlipPayload(NotePayload):
    """A note with a place that staff type."""

    type_key = "slip"

    place: str = logistics(default="Main Street")
    amount: Decimal | None = phi(default=None)
    teeth: tuple[str, ...] = phi(default=())


def kept_in(said: str, *, usual: str = "", **fields) -> bool:
    payload = SlipPayload(**fields)
    return not given_away(content=[said], payload=payload, usual=lambda: [usual])


# -- the rule -----------------------------------------------------------------------------------


@pytest.mark.req("H-10")
@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("Your implant surgery is on Tuesday.", {"text": "Implant surgery"}),
        ("<p>IMPLANT&nbsp;<b>surgery</b></p>", {"text": "implant surgery"}),
        ("About your implants", {"text": "Implant"}),
        ("Su endodoncía, martes", {"text": "ENDODONCIA"}),
        ("Please bring $1,250.00.", {"amount": Decimal("1250.00")}),
        ("You owe 250.00", {"amount": Decimal("250.00")}),
        ("molar and canine", {"teeth": ("Canine",)}),
    ],
)
def test_a_private_word_is_found_however_it_is_written(said, fields):
    assert not kept_in(said, **fields)


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("Your visit is on Tuesday.", {"text": "Implant surgery"}),
        ("See you at ten.", {"text": "ten"}),  # three letters are in every text
        ("How are you feeling?", {"text": "filling eel"}),
        ("Dr Lee, Main Street", {"text": "Main Street", "place": "Main Street"}),
        ("Tuesday, 10:00", {"amount": Decimal("10.00")}),
        ("anything", {}),
    ],
)
def test_what_is_no_secret_may_be_said(said, fields):
    assert kept_in(said, **fields)


def test_what_the_type_says_to_everybody_is_not_about_anybody():
    assert kept_in("Your visit is on Tuesday.", text="Visit", usual="Your visit is on Friday.")
    assert not kept_in("Your crown is ready.", text="Crown", usual="Your visit is on Friday.")


def test_a_text_is_compared_without_case_accents_tags_and_signs():
    assert plain("<p>Änd &amp; so—on:</p> 10:30, 1,250.00!") == "and so on 10:30 1250.00"


# -- what goes instead ----------------------------------------------------------------------------


def careless(**changes) -> AppointmentConfirmedPayload:
    """A visit whose place somebody typed with what it is for."""
    said = {"location_name": "Room 2, implant surgery", "appointment_reason": "Implant surgery"}
    return dataclasses.replace(AppointmentConfirmedPayload.example(), **said | changes)


def tell(patient, payload) -> PatientNotification:
    """Make news of a visit, and let the clock run when it has settled."""
    made = send(patient, payload)
    run(at=clock.now() + SETTLES_FOR)
    return made


@pytest.fixture
def reached(ana):
    email_of(ana)
    phone_of(ana)
    device_of(ana)
    return ana


@in_a_table
@pytest.mark.req("H-10")
def test_the_neutral_sentence_goes_instead_and_the_row_says_why(reached):
    made = tell(reached, careless())
    assert status_of(made, "email") == status_of(made, "sms") == BLOCKED
    assert status_of(made, "push") == SENT  # it says nothing anyway
    (mail,) = ToldMail.handed
    (text,) = Told.texts()
    for said in (mail.subject, mail.body, *(each[0] for each in mail.alternatives), text):
        assert "implant" not in said.lower()
    assert "Main Street Dental: you have a new message" in text
    assert {delivery_of(made, each).level for each in ("email", "sms")} == {Level.L0}
    for attempt in DeliveryAttempt.objects.all():
        assert "mplant" not in str(attempt.snapshot)
    made.refresh_from_db()
    assert "implant surgery" in made.message.lower()  # signed in, she reads all of it


@in_a_table
@pytest.mark.req("H-10")
def test_the_desk_has_one_call_to_make_of_it(reached):
    made = tell(reached, careless())
    task = CallTask.objects.get()
    assert (task.reason, task.notification, task.patient) == (
        CallReason.TEXT_REFUSED,
        made,
        reached,
    )
    assert task.delivery in made.deliveries.all()
    assert task.call_by == made.expires_at
    assert AuditEvent.objects.filter(action=AuditAction.CALL, object_id=str(task.pk)).count() == 1


@in_a_table
@pytest.mark.req("H-10")
def test_that_it_arrived_does_not_hide_that_its_words_were_kept_back(reached):
    made = tell(reached, careless())
    row = delivery_of(made, "sms")
    arrived = Receipt(
        delivery_id=row.pk,
        provider_id=row.provider_id,
        event_key="arrived",
        status=DeliveryStatus.DELIVERED,
    )
    incoming.take_receipts(channel="sms", receipts=[arrived])
    assert status_of(made, "sms") == (DeliveryStatus.DELIVERED, Reason.PHI_BLOCKED)
    assert said_to_patient(made, "sms") == ["Delivered. Text failed the privacy check"]


@in_a_table
@pytest.mark.req("H-10")
def test_a_type_that_says_the_treatment_in_another_field_is_caught_too(reached, settings, tmp_path):
    """A careless engineer's type, with a template that says a field of the wrong level."""
    folder = tmp_path / "notifications" / "slip"
    folder.mkdir(parents=True)
    (folder / "sms.txt").write_text("{{ practice_name }}: {{ place }}. STOP to opt out.")
    templates = [settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    settings.TEMPLATES = templates
    PatientNotificationType.register(SlipPayload)
    try:
        clean = send(reached, SlipPayload(text="Root canal"))
        leaking = send(reached, SlipPayload(text="Root canal", place="Chair 3 (root canal)"))
        run()
    finally:
        PatientNotificationType.unregister("slip")
    assert [status_of(each, "sms") for each in (clean, leaking)] == [SENT, BLOCKED]
    assert "Main Street Dental: Main Street" in Told.texts()[0]


@in_a_table
def test_a_usual_visit_goes_with_its_day_and_place(reached):
    """A reason such as "Visit" is in the text of every visit, and gives nothing away."""
    made = tell(reached, careless(location_name="Main Street", appointment_reason="Visit"))
    assert status_of(made, "sms") == status_of(made, "email") == SENT
    assert "Main Street" in Told.texts()[0]
    assert not CallTask.objects.exists()


@in_a_table
@pytest.mark.req("H-10")
def test_a_preview_shows_what_would_really_go_and_makes_no_call(reached):
    shown = patient_notification_service.preview(patient_id=reached.pk, payload=careless())
    (text,) = [each for each in shown if each.channel == "sms"]
    assert (text.decision.reason, text.decision.level) == (Reason.PHI_BLOCKED, Level.L0)
    assert "implant" not in str(text.content).lower()
    assert not CallTask.objects.exists() and not PatientNotification.objects.exists()
