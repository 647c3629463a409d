"""Consent at the desk: what the patient says there, recorded with the words they agreed to."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications import consent, contacts
from notifications.enums import AuditAction, ContactStatus, Purpose
from notifications.models import AuditEvent, Consent, ContactPoint
from portal.models import User
from tests.clinic import wall
from tests.conftest import PASSWORD, signed_in
from tests.engine import ANAS_NUMBER, NOON, device_of, email_of, phone_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]


@pytest.fixture
def clerk(db):
    """Front desk: may look at addresses and change them, and nothing else."""
    return staff_with("view_contactpoint", "add_contactpoint", "change_contactpoint")


@pytest.fixture
def desk(clerk):
    return signed_in(clerk)


def staff_with(*codenames, name="clerk@example.com"):
    clerk = User.objects.create_user(username=name, password=PASSWORD, is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return clerk


def address(contact, page):
    return reverse(f"admin:notifications_contactpoint_{page}", args=[contact.pk])


def form_on(client, contact, page="agree"):
    """The hidden fields of a page, as it shows them."""
    html = client.get(address(contact, page)).content.decode()
    return dict(re.findall(r'name="(\w+_wording)" value="([^"]+)"', html))


def say(client, contact, page="agree", /, *ticked, source="in_person", **form):
    boxes = dict.fromkeys(ticked or ["treatment"], "on")
    sent = {**form_on(client, contact, page), **boxes, "source": source, **form}
    return client.post(address(contact, page), sent, follow=True)


def text_of(answer):
    return answer.content.decode()


# -- yes ----------------------------------------------------------------------------------------


@pytest.mark.req("H-12")
def test_verifying_and_agreeing_in_person_are_recorded_with_who_heard_it(desk, clerk, ana):
    phone = phone_of(ana, verified=False, agreed=False)
    asked = text_of(desk.get(address(phone, "verify")))
    assert "***-0142" in asked and ANAS_NUMBER not in asked
    phone.refresh_from_db()
    assert phone.verified_at is None
    desk.post(address(phone, "verify"))
    phone.refresh_from_db()
    assert phone.verified_by == f"user:{clerk.pk}"

    answer = say(desk, phone)
    assert "What the patient agreed to is recorded." in text_of(answer)
    row = Consent.objects.get()
    assert (row.granted, row.purpose, row.source) == (True, "treatment", "in_person")
    assert (row.actor, row.recorded_at) == (f"user:{clerk.pk}", NOON)
    assert row.wording == consent.CURRENT_TEXT_WORDING
    [audited] = AuditEvent.objects.filter(action=AuditAction.CONSENT)
    assert (audited.actor, audited.patient_id) == (f"user:{clerk.pk}", ana.pk)


@pytest.mark.req("M-01")
def test_the_words_are_there_in_full_and_no_box_is_ticked(desk, ana):
    phone = phone_of(ana, agreed=False)
    page = text_of(desk.get(address(phone, "agree")))
    for purpose in (Purpose.TREATMENT, Purpose.MARKETING):
        version = consent.current_wording(kind="phone", purpose=purpose)
        assert str(consent.WORDINGS[version]) in page
        assert f'value="{version}"' in page
    assert page.count('type="checkbox"') == 2
    assert "checked" not in page
    nothing = desk.post(address(phone, "agree"), form_on(desk, phone) | {"source": "paper"})
    assert "Tick what the patient said." in text_of(nothing)
    assert not Consent.objects.exists()


@pytest.mark.req("S-19")
def test_a_yes_to_texts_needs_a_verified_number(desk, ana):
    phone = phone_of(ana, verified=False, agreed=False)
    assert "Verify this number first" in text_of(desk.get(address(phone, "agree")))
    assert "Verify this number first" in text_of(say(desk, phone))
    assert not Consent.objects.exists()


@pytest.mark.req("M-01")
def test_offers_are_agreed_to_by_themselves_and_in_writing(desk, ana):
    phone = phone_of(ana, agreed=False)
    for source in ("phone", "in_person"):
        refused = say(desk, phone, "agree", "marketing", source=source)
        assert "News and offers need a yes in writing." in text_of(refused)
    assert not Consent.objects.exists()
    say(desk, phone, "agree", "marketing", source="paper")
    assert consent.is_granted(contact=phone, purpose=Purpose.MARKETING)
    assert not consent.is_granted(contact=phone)


def test_a_paper_of_last_month_counts_from_last_month(desk, ana):
    phone = phone_of(ana, agreed=False)
    say(desk, phone, source="paper", at_0="2026-10-24", at_1="09:30")
    row = Consent.objects.get()
    assert row.recorded_at == wall("2026-10-24 09:30")
    assert consent.is_granted(contact=phone)
    page = text_of(desk.get(f"/admin/notifications/contactpoint/{phone.pk}/change/"))
    assert "Oct 24, 2026, 9:30 a.m." in page


@pytest.mark.parametrize(
    ("day", "hour"), [("2026-11-25", "09:00"), ("2026-13-01", "09:00"), ("2026-10-24", "")]
)
def test_a_moment_that_is_none_or_still_to_come_is_refused(desk, ana, day, hour):
    phone = phone_of(ana, agreed=False)
    answer = say(desk, phone, at_0=day, at_1=hour)
    assert "errornote" in text_of(answer)
    assert not Consent.objects.exists()


@pytest.mark.req("M-06")
def test_an_older_paper_does_not_take_back_a_later_no(desk, ana):
    phone = phone_of(ana)
    say(desk, phone, "withdraw")
    answer = say(desk, phone, source="paper", at_0="2026-10-24", at_1="09:30")
    assert "the patient has said no since then" in text_of(answer)
    assert not consent.is_granted(contact=phone)


@pytest.mark.req("M-06")
def test_no_desk_takes_back_a_stop(desk, ana):
    phone = phone_of(ana)
    contacts.opt_out(number=ANAS_NUMBER, actor="system:test")
    before = Consent.objects.count()
    answer = say(desk, phone)
    assert "Only a text with START from it brings texts back." in text_of(answer)
    assert Consent.objects.count() == before
    phone.refresh_from_db()
    assert phone.status == ContactStatus.OPTED_OUT


@pytest.mark.req("M-01")
def test_words_that_are_no_longer_asked_are_refused(desk, ana):
    phone = phone_of(ana, agreed=False)
    answer = say(desk, phone, treatment_wording="text-2020-01")
    assert "The wording has changed." in text_of(answer)
    assert not Consent.objects.exists()


def test_all_that_is_ticked_is_recorded_or_nothing(desk, ana):
    phone = phone_of(ana, agreed=False)
    say(desk, phone, "agree", "treatment", "marketing", source="paper", marketing_wording="old")
    assert not Consent.objects.exists()
    say(desk, phone, "agree", "treatment", "marketing", source="paper")
    assert Consent.objects.filter(granted=True).count() == 2


# -- no -----------------------------------------------------------------------------------------


@pytest.mark.req("H-12")
def test_a_withdrawal_counts_at_once_and_is_one_more_row(desk, clerk, ana):
    phone = phone_of(ana)
    answer = say(desk, phone, "withdraw", source="phone")
    assert "The consent is withdrawn, from now on." in text_of(answer)
    assert not consent.is_granted(contact=phone)
    last = Consent.objects.latest("recorded_at", "id")
    assert (last.granted, last.source, last.actor) == (False, "phone", f"user:{clerk.pk}")
    assert Consent.objects.count() == 2


def test_where_nothing_was_agreed_there_is_nothing_to_withdraw(desk, ana):
    phone = phone_of(ana, agreed=False)
    assert "There is nothing to withdraw" in text_of(desk.get(address(phone, "withdraw")))
    desk.post(address(phone, "withdraw"), {"treatment": "on", "source": "phone"})
    assert not Consent.objects.exists()


# -- who, and of whom ---------------------------------------------------------------------------


@pytest.mark.req("H-02")
@pytest.mark.parametrize("page", ["agree", "withdraw", "verify"])
def test_who_may_only_look_records_nothing(ana, page):
    phone = phone_of(ana, verified=False, agreed=False)
    client = signed_in(staff_with("view_contactpoint"))
    form = {
        "treatment": "on",
        "treatment_wording": consent.CURRENT_TEXT_WORDING,
        "source": "in_person",
    }
    assert client.get(address(phone, page)).status_code == 403
    assert client.post(address(phone, page), form).status_code == 403
    shown = text_of(client.get(reverse("admin:notifications_contactpoint_change", args=[phone.pk])))
    assert address(phone, page) not in shown
    phone.refresh_from_db()
    assert phone.verified_at is None
    assert not Consent.objects.exists()


@pytest.mark.req("H-02")
@pytest.mark.parametrize("page", ["agree", "withdraw", "verify"])
def test_no_patient_comes_to_the_desks_pages(ana, ana_client, ben_client, page):
    phone = phone_of(ana, agreed=False)
    for client in (ana_client, ben_client):
        assert client.post(address(phone, page), follow=True).status_code == 403
    assert not Consent.objects.exists()


@pytest.mark.req("S-05")
@pytest.mark.parametrize("page", ["agree", "withdraw", "verify"])
def test_a_page_without_its_token_changes_nothing(clerk, ana, page):
    phone = phone_of(ana, verified=False, agreed=False)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(clerk, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(address(phone, page)).status_code == 403
    phone.refresh_from_db()
    assert phone.verified_at is None


def test_her_yes_says_nothing_about_him(desk, ana, ben):
    hers = phone_of(ana, agreed=False)
    his = phone_of(ben, ANAS_NUMBER, agreed=False)  # the same number, in one household
    say(desk, hers)
    assert consent.is_granted(contact=hers)
    assert not consent.is_granted(contact=his)
    audited = AuditEvent.objects.filter(action=AuditAction.CONSENT)
    assert {row.patient_id for row in audited} == {ana.pk}


def test_devices_and_addresses_out_of_use_are_not_asked(desk, ana):
    device, phone = device_of(ana), phone_of(ana, agreed=False)
    contacts.remove(patient_id=ana.pk, contact_id=phone.pk, actor="system:test")
    for contact in (device, phone):
        for page in ("agree", "withdraw", "verify"):
            assert desk.get(address(contact, page)).status_code == 404
            assert desk.post(address(contact, page)).status_code == 404


@pytest.mark.req("H-06")
def test_looking_at_the_form_is_one_row_about_the_patient(desk, clerk, ana, ben):
    phone_of(ben, "+12125550143")
    phone = phone_of(ana)
    desk.get(address(phone, "agree"))
    [row] = AuditEvent.objects.filter(action=AuditAction.VIEWED)
    assert (row.actor, row.patient_id) == (f"user:{clerk.pk}", ana.pk)


# -- the address itself -------------------------------------------------------------------------


def test_the_patients_page_leads_to_a_form_that_knows_the_patient(ana):
    client = signed_in(
        staff_with("view_user", "change_user", "add_contactpoint", "view_contactpoint")
    )
    person = text_of(client.get(reverse("admin:portal_user_change", args=[ana.pk])))
    add = f"{reverse('admin:notifications_contactpoint_add')}?patient={ana.pk}"
    assert f'href="{add}"' in person
    page = text_of(client.get(add))
    assert f'<option value="{ana.pk}" selected>Ana Example</option>' in page
    sent = {"patient": ana.pk, "kind": "email", "address": "Ana@Example.com"}
    client.post(add, sent)
    contact = ContactPoint.objects.get()
    assert contact.value == {"address": "ana@example.com"}
    assert contact.verified_at is None
    assert not consent.is_granted(contact=contact)


def test_what_was_said_about_an_address_is_read_on_its_page(desk, ana):
    mail = email_of(ana)
    say(desk, mail, "withdraw", source="paper")
    page = text_of(desk.get(reverse("admin:notifications_contactpoint_change", args=[mail.pk])))
    with timezone.override("America/New_York"):
        said = re.findall(r"· (Yes|No) · Treatment · ([\w-]+) · (\w+)", page)
    assert said == [("No", "email-2026-11", "paper"), ("Yes", "email-2026-11", "desk")]
    for name in ("agree", "withdraw"):
        assert address(mail, name) in page


@pytest.mark.req("S-16")
def test_the_pages_need_no_script(desk, ana):
    phone = phone_of(ana)
    for page in ("agree", "withdraw", "verify"):
        answer = desk.get(address(phone, page))
        main = text_of(answer).split('id="content-main"')[1].split("</main>")[0]
        assert "<script" not in main
        assert not re.search(r'\sstyle="|\son\w+=', text_of(answer))
