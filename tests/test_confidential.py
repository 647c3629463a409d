"""How a patient wants to be reached, or not: 45 CFR 164.522(b). It comes before everything else."""

import smtplib

import pytest
from django.urls import reverse

from notifications import contacts, incoming, preferences
from notifications.enums import ContactKind, ContactStatus, Reason
from notifications.models import AuditEvent, ConfidentialRequest, Delivery
from notifications.types import Refused, Reply
from portal.models import Guardianship, User
from portal.notification_types.system_alert import SystemAlertPayload
from tests.clinic import DESK
from tests.conftest import signed_in
from tests.engine import (
    ANAS_NUMBER,
    address_of,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    send,
    status_of,
)
from tests.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.req("H-13")]
EMAIL, PHONE, PUSH = ContactKind.EMAIL, ContactKind.PHONE, ContactKind.PUSH
FORBIDDEN = ("skipped", Reason.CONFIDENTIAL)


def ask(patient, kind, contact=None, *, only=False) -> ConfidentialRequest:
    return contacts.record_request(
        patient_id=patient.pk,
        kind=kind,
        contact_id=contact and contact.pk,
        is_only=only,
        actor=DESK,
    )


def told(patient, **options) -> dict[str, tuple[str, str]]:
    """Send a message now; return where it stands on each channel outside the portal."""
    message = send(patient, **options)
    run()
    return {channel: status_of(message, channel) for channel in ("email", "sms", "push")}


@pytest.fixture
def everywhere(ana, note, carrier, noon):
    """Ana with an e-mail, a mobile and a device that all work."""
    return {"email": email_of(ana), "sms": phone_of(ana), "push": device_of(ana)}


# -- what is sent -------------------------------------------------------------------------------


def test_only_this_email_forbids_texts_pushes_and_nothing_else(ana, everywhere):
    ask(ana, EMAIL, everywhere["email"], only=True)
    message = send(ana)
    run()
    assert status_of(message, "email")[0] == "accepted"
    assert status_of(message, "sms") == status_of(message, "push") == FORBIDDEN
    assert status_of(message, "in_app")[0] == "delivered"


def test_never_this_number_leaves_the_rest(ana, everywhere):
    ask(ana, PHONE, everywhere["sms"])
    found = told(ana)
    assert found["sms"] == FORBIDDEN
    assert found["email"][0] == found["push"][0] == "accepted"


def test_never_by_phone_holds_for_numbers_that_come_later(ana, everywhere):
    ask(ana, PHONE)
    phone_of(ana, "+12125550199")
    assert told(ana)["sms"] == FORBIDDEN


def test_a_number_taken_out_and_added_again_stays_forbidden(ana, everywhere):
    ask(ana, PHONE, everywhere["sms"])
    contacts.remove(patient_id=ana.pk, contact_id=everywhere["sms"].pk, actor=DESK)
    phone_of(ana)
    assert told(ana)["sms"] == FORBIDDEN


def test_of_two_emails_the_only_one_allowed_is_used_though_the_other_is_newer(ana, everywhere):
    ask(ana, EMAIL, everywhere["email"], only=True)
    address_of(ana, EMAIL, "work@example.com", verified=False, agreed=False)
    Delivery.objects.all().delete()
    message = send(ana)
    Delivery.objects.filter(channel="email").update(
        contact=contacts.find(kind=EMAIL, value="work@example.com").get()
    )
    run()
    assert delivery_of(message, "email").contact == everywhere["email"]
    assert status_of(message, "email")[0] == "accepted"


def test_where_the_only_address_is_gone_no_other_takes_its_place(ana, everywhere):
    ask(ana, EMAIL, everywhere["email"], only=True)
    email_of(ana, "new@example.com")  # replaces the old one
    assert set(told(ana).values()) == {FORBIDDEN}


def test_urgency_locks_and_choices_open_nothing(ana, everywhere):
    ask(ana, EMAIL)
    preferences.change(
        patient_id=ana.pk, type_key="system_alert", changes={"sms": True}, actor=DESK
    )
    found = told(ana, payload=SystemAlertPayload.example(), priority="urgent")
    assert found["email"] == FORBIDDEN  # locked on
    assert found["sms"][0] == "accepted"


def test_a_dead_email_and_no_texts_wanted_sends_no_text_though_urgent(ana, everywhere, carrier):
    ask(ana, PHONE)
    email = everywhere["email"]
    contacts.set_status(contact=email, status=ContactStatus.NEEDS_UPDATE, reason="550", actor=DESK)
    found = told(ana, payload=SystemAlertPayload.example(), priority="urgent")
    assert carrier.texts() == []
    assert found["sms"] == FORBIDDEN
    assert found["email"] == ("skipped", Reason.BOUNCED_HARD)


@pytest.mark.parametrize("is_forbidden", [False, True])
def test_what_an_email_failed_to_bring_comes_by_text_but_not_where_that_is_forbidden(
    ana, everywhere, carrier, is_forbidden
):
    if is_forbidden:
        ask(ana, PHONE)
    carrier.answers = [smtplib.SMTPRecipientsRefused({ana.email: (550, b"5.1.1 no such mailbox")})]
    message = send(ana, SystemAlertPayload.example())
    run()
    assert status_of(message, "email") == ("failed", Reason.BOUNCED_HARD)
    assert len(carrier.texts()) == (0 if is_forbidden else 1)


def test_an_ended_wish_holds_no_longer_and_another_patients_never_did(ana, ben, everywhere):
    phone_of(ben, "+12125550177")
    wish = ask(ana, PHONE)
    assert told(ben)["sms"][0] == "accepted"
    contacts.end_request(request_id=wish.pk, actor=DESK)
    contacts.end_request(request_id=wish.pk, actor=DESK)
    assert told(ana)["sms"][0] == "accepted"


def test_the_same_wish_twice_is_one(ana, everywhere):
    assert ask(ana, PHONE) == ask(ana, PHONE)
    assert ask(ana, PHONE, everywhere["sms"]) != ask(ana, PHONE)


def test_a_wish_about_anothers_address_or_an_unknown_kind_is_refused(ana, ben, everywhere):
    with pytest.raises(Refused) as refused:
        ask(ben, PHONE, everywhere["sms"])
    assert refused.value.field == "contact"
    with pytest.raises(Refused) as refused:
        ask(ana, "fax")
    assert refused.value.field == "kind"


# -- the other ways to an address ---------------------------------------------------------------


def test_no_code_is_sent_where_nothing_may_be_sent(ana, everywhere, carrier):
    ask(ana, PHONE)
    new = phone_of(ana, "+12125550188", verified=False, agreed=False)
    with pytest.raises(Refused, match="asked us not to use"):
        contacts.send_code(patient_id=ana.pk, contact_id=new.pk, actor=DESK)
    assert carrier.handed == []


def test_a_channel_whose_address_is_forbidden_is_not_offered_as_available(ana, everywhere):
    assert "sms" in preferences.available_channels(patient_id=ana.pk)
    ask(ana, PHONE)
    assert "sms" not in preferences.available_channels(patient_id=ana.pk)


@pytest.mark.parametrize(
    ("text", "is_answered"), [("STOP", True), ("HELP", True), ("2", False), ("START", False)]
)
def test_who_texts_stop_or_help_is_answered_and_nothing_else_is(ana, everywhere, text, is_answered):
    ask(ana, PHONE)
    reply = Reply(event_key=text, sender=ANAS_NUMBER, text=text)
    assert bool(incoming.take_reply(channel="sms", reply=reply)) == is_answered


def test_a_guardians_copy_is_an_address_of_the_child_and_keeps_its_wish(location, note, noon):
    child = User.objects.create_user(username="leo", first_name="Leo", home_location=location)
    mother = User.objects.create_user(username="mia@example.com", first_name="Mia")
    Guardianship.objects.create(patient=child, guardian=mother, relation="mother")
    hers = contacts.add(
        patient_id=child.pk, kind=EMAIL, value="mia@example.com", relation="mother", actor=DESK
    )
    ask(child, EMAIL, hers)
    message = send(child)
    run()
    assert status_of(message, "email") == FORBIDDEN


# -- at the desk --------------------------------------------------------------------------------


@pytest.fixture
def desk_client(django_user_model):
    return signed_in(django_user_model.objects.create_superuser(username="chief@example.com"))


def page_of(patient) -> str:
    return reverse("admin:notifications_confidentialrequest_of", args=[patient.pk])


def test_the_desk_records_a_wish_and_ends_it_and_both_are_kept(ana, everywhere, desk_client):
    words = {"record": "", "wish": f"only:email:{everywhere['email'].pk}"}
    assert desk_client.post(page_of(ana), words).status_code == 302
    shown = text_of(desk_client.get(page_of(ana)))
    assert "<strong>Only a***@example.com</strong> since" in shown
    assert "Do not ask why" in shown
    wish = ConfidentialRequest.objects.get()
    desk_client.post(page_of(ana), {"end": wish.pk})
    wish.refresh_from_db()
    assert wish.ended_at and wish.ended_by == wish.recorded_by
    said = AuditEvent.objects.filter(object_id=str(wish.pk)).order_by("at")
    assert [row.details["change"] for row in said] == ["only_this", "request_ended"]


def test_no_page_edits_or_deletes_a_wish(ana, everywhere, desk_client):
    wish = ask(ana, PHONE)
    for name, data in (("change", {"is_only": "on"}), ("delete", {"post": "yes"})):
        where = reverse(f"admin:notifications_confidentialrequest_{name}", args=[wish.pk])
        assert desk_client.post(where, data).status_code == 403
    wish.refresh_from_db()
    assert not wish.is_only


def test_a_wish_of_another_patient_is_not_ended_from_here_nor_theirs_recorded(
    ana, ben, everywhere, desk_client
):
    wish = ask(ana, PHONE)
    assert desk_client.post(page_of(ben), {"end": wish.pk}).status_code == 404
    assert desk_client.post(page_of(ben), {"end": "nonsense"}).status_code == 404
    words = {"record": "", "wish": f"only:email:{everywhere['email'].pk}"}
    assert desk_client.post(page_of(ben), words).status_code == 200
    assert ConfidentialRequest.objects.get().ended_at is None


def test_staff_without_the_right_see_and_do_nothing(ana, everywhere, django_user_model):
    names = {"username": "temp@example.com", "is_staff": True}
    client = signed_in(django_user_model.objects.create_user(**names))
    assert client.get(page_of(ana)).status_code == 403
    assert client.post(page_of(ana), {"record": "", "wish": "never:phone:"}).status_code == 403
    assert not ConfidentialRequest.objects.exists()


def test_the_patient_reads_on_their_page_that_an_address_is_not_used(ana, everywhere, ana_client):
    ask(ana, PHONE)
    shown = text_of(ana_client.get(reverse("settings")))
    assert "You asked us not to use it" in shown
