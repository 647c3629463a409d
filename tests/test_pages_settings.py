"""Settings, addresses, signing in and leaving by a link, without a browser."""

import re
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications import consent, contacts, preferences
from notifications.enums import PatientNotificationType, Purpose
from notifications.models import AuditEvent, Consent, ContactPoint
from portal.services import depart
from tests.conftest import PASSWORD, signed_in
from tests.engine import device_of
from tests.pages import HTMX, child_of, text_of

SETTINGS = "/notifications/settings/"
FORM = "application/x-www-form-urlencoded"


def is_on(patient, type_key: str, channel: str) -> bool:
    return preferences.effective(patient_id=patient.pk)[type_key].enabled[channel]


# -- the sheet ----------------------------------------------------------------------------------


def test_sheet_shows_every_type_and_channel(ana_client, ana_email):
    page = text_of(ana_client.get(SETTINGS))
    for type_key in preferences.effective(patient_id=ana_email.patient_id):
        assert f'id="type-{type_key}"' in page
    for channel in ("In-app", "Email", "Text", "Push"):
        assert channel in page
    assert "Add your mobile number" in page


@pytest.mark.req("P-17")
def test_one_switch_saves_itself(ana_client, ana, ana_email, ben):
    cell = "lab_results.email"
    answer = ana_client.post(f"{SETTINGS}cells/{cell}/", {}, headers=HTMX)
    assert re.search(r"Saved \d+:\d\d [AP]M E[SD]T", text_of(answer))
    assert "Email for Results and documents off. Saved" in text_of(answer)
    assert not is_on(ana, "lab_results", "email")
    assert is_on(ben, "lab_results", "email")
    ana_client.post(f"{SETTINGS}cells/{cell}/", {cell: "on"}, headers=HTMX)
    assert is_on(ana, "lab_results", "email")


@pytest.mark.req("P-19")
@pytest.mark.parametrize("cell", ["lab_results.in_app", "appointment_rescheduled.email"])
def test_locked_cell_is_a_400_that_names_it(ana_client, ana, cell):
    type_key, channel = cell.split(".")
    one = ana_client.post(f"{SETTINGS}cells/{cell}/", {}, headers=HTMX)
    sheet = ana_client.post(SETTINGS, {"drawn": [cell]})
    for answer in (one, sheet):
        assert answer.status_code == 400
        assert "always on" in text_of(answer)
        assert " for " in text_of(answer)
    assert is_on(ana, type_key, channel)


def test_unknown_cell_is_refused(ana_client):
    for cell in ("nothing.email", "lab_results.pigeon", "lab_results"):
        assert ana_client.post(f"{SETTINGS}cells/{cell}/").status_code == 400


def test_sheet_without_script_keeps_what_was_not_drawn(ana_client, ana, ana_email):
    form = {"drawn": ["lab_results.email", "appointment_reminder.email"], "lab_results.email": "on"}
    answer = ana_client.post(SETTINGS, form)
    assert answer.status_code == 303
    assert is_on(ana, "lab_results", "email")
    assert not is_on(ana, "appointment_reminder", "email")
    assert is_on(ana, "appointment_confirmed", "email")
    assert is_on(ana, "appointment_reminder", "sms")


def test_guardian_has_the_childs_own_sheet(ana_client, ana):
    sam = child_of(ana)
    cell = "lab_results.email"
    ana_client.post(f"/for/{sam.pk}{SETTINGS}cells/{cell}/", {}, headers=HTMX)
    assert not is_on(sam, "lab_results", "email")
    assert is_on(ana, "lab_results", "email")


def test_language_and_zone_hold_from_the_next_page_on(ana_client, ana, ben_client):
    ana_client.post(f"{SETTINGS}language/", {"language": "es", "zone": "America/Denver"})
    page = ana_client.get(SETTINGS)
    assert "Ajustes de notificaciones" in text_of(page)
    assert page["Content-Language"] == "es"
    assert 'lang="es"' in text_of(page)
    assert "Notification settings" in text_of(ben_client.get(SETTINGS))
    assert AuditEvent.objects.filter(action="preference", patient_id=ana.pk).count() == 1


def test_a_zone_that_does_not_exist_is_refused(ana_client, ana):
    answer = ana_client.post(f"{SETTINGS}language/", {"language": "es", "zone": "Mars/Base"})
    assert answer.status_code == 422
    assert 'id="id_zone_error"' in text_of(answer)
    assert 'lang="en"' in text_of(answer) and '<option value="es" selected>' in text_of(answer)
    ana.refresh_from_db()
    assert (ana.zone, ana.language) == ("", "en")


# -- addresses ----------------------------------------------------------------------------------


@pytest.mark.req("P-33")
def test_an_address_is_added_and_verified_by_its_code(ana_client, ana, outbox):
    answer = ana_client.post(f"{SETTINGS}contacts/add/email/", {"value": " Ana@New.example "})
    assert answer.status_code == 303
    page = ana_client.get(answer["Location"])
    assert "We sent a code." in text_of(page)
    assert "Not verified" in text_of(page)
    assert 'autocomplete="one-time-code"' in text_of(page)
    assert 'inputmode="numeric"' in text_of(page)
    code = re.search(r"\b\d{6}\b", outbox()[-1].content["text"]).group()

    wrong = ana_client.post(f"{answer['Location']}verify/", {"code": "000000"})
    assert wrong.status_code == 422
    assert "You can try 4 more times." in text_of(wrong)
    ana_client.post(f"{answer['Location']}verify/", {"code": f"{code[:3]} {code[3:]}"})

    assert contacts.of_patient(patient_id=ana.pk)[0].verified_at
    assert "Verified" in text_of(ana_client.get(SETTINGS))


def test_what_is_no_address_is_said_beside_the_field(ana_client, ana):
    answer = ana_client.post(f"{SETTINGS}contacts/add/email/", {"value": "ana at home"})
    assert answer.status_code == 422
    assert "Write it like ana@example.com." in text_of(answer)
    assert "ana at home" in text_of(answer)
    assert contacts.of_patient(patient_id=ana.pk) == []
    assert ana_client.get(f"{SETTINGS}contacts/add/pigeon/").status_code == 404


def number_of(patient, *, verified=True):
    number = contacts.add(
        patient_id=patient.pk, kind="phone", value="212 555 0142", actor="system:test"
    )
    if verified:
        contacts.mark_verified(contact_id=number.pk, actor="system:test")
        number.refresh_from_db()
    return number


def page_of(number) -> str:
    return f"{SETTINGS}contacts/{number.pk}/"


def form_for(client, number, purpose="treatment") -> dict[str, str]:
    """What the consent form of an address sends along, as it is on the page."""
    page = text_of(client.get(page_of(number)))
    forms = re.findall(r"<form.*?</form>", page, re.DOTALL)
    [form] = [each for each in forms if f'name="purpose" value="{purpose}"' in each]
    return dict(re.findall(r'name="(purpose|wording|next)" value="([^"]*)"', form))


def say(client, number, answer, **form) -> None:
    client.post(f"{page_of(number)}consent/", {**form_for(client, number), "agree": answer, **form})


def test_more_numbers_cost_the_page_no_more_queries(ana_client, ana, django_assert_num_queries):
    number_of(ana)
    with CaptureQueriesContext(connection) as with_one:
        ana_client.get("/notifications/settings/")
    for end in (43, 44):
        number = contacts.add(
            patient_id=ana.pk,
            kind="phone",
            value=f"+121255501{end}",
            actor="system:test",
            relation=f"relative {end}",
        )
        contacts.mark_verified(contact_id=number.pk, actor="system:test")
    with django_assert_num_queries(len(with_one)):
        page = ana_client.get("/notifications/settings/")
    assert text_of(page).count("No texts yet: you have not agreed") == 3


@pytest.mark.req("M-01")
def test_consent_is_never_ticked_and_is_kept_as_it_was_worded(ana_client, ana):
    number = number_of(ana)
    page = text_of(ana_client.get(page_of(number)))
    form = form_for(ana_client, number)
    assert str(consent.WORDINGS[form["wording"]]) in page
    assert "checked" not in page
    ana_client.post(f"{page_of(number)}consent/", form)
    assert not consent.is_granted(contact=number)
    say(ana_client, number, "yes")
    assert consent.is_granted(contact=number)
    row = Consent.objects.latest("recorded_at")
    assert (row.wording, row.source, row.actor) == (form["wording"], "portal", f"user:{ana.pk}")
    say(ana_client, number, "no")
    assert not consent.is_granted(contact=number)


@pytest.mark.req("M-01")
def test_a_wording_that_was_not_the_one_shown_is_not_agreed_to(ana_client, ana):
    number = number_of(ana)
    for wording in ("text-2020-01", "", consent.CURRENT_EMAIL_WORDING):
        answer = ana_client.post(
            f"{page_of(number)}consent/",
            {"purpose": "treatment", "wording": wording, "agree": "yes", "next": page_of(number)},
        )
        assert answer["Location"] == page_of(number)
        assert "The wording has changed" in text_of(ana_client.get(page_of(number)))
    assert not Consent.objects.exists()


@pytest.mark.req("M-01")
def test_offers_are_a_box_of_their_own_that_care_does_not_depend_on(ana_client, ana):
    number = number_of(ana)
    advertise()
    page = text_of(ana_client.get(page_of(number)))
    assert page.count('type="checkbox"') == 2
    assert "checked" not in page
    say(ana_client, number, "yes")
    assert consent.is_granted(contact=number)
    assert not consent.is_granted(contact=number, purpose=Purpose.MARKETING)
    say(ana_client, number, "yes", **form_for(ana_client, number, "marketing"))
    assert consent.is_granted(contact=number, purpose=Purpose.MARKETING)
    say(ana_client, number, "no")
    assert not consent.is_granted(contact=number)
    assert consent.is_granted(contact=number, purpose=Purpose.MARKETING)


def advertise():
    """There are types that advertise."""
    known = PatientNotificationType.classes()
    assert any(each.purpose == Purpose.MARKETING for each in known)


def test_a_verified_number_is_asked_for_its_yes_where_texts_are_offered(ana_client, ana):
    number = number_of(ana)
    page = text_of(ana_client.get(SETTINGS))
    assert "Add your mobile number" not in page
    assert "Agree to texts" in page
    assert f'href="{page_of(number)}"' in page
    assert "No texts yet: you have not agreed" in page
    say(ana_client, number, "yes")
    page = text_of(ana_client.get(SETTINGS))
    assert "Agree to texts" not in page
    assert "you have not agreed" not in page
    assert 'name="lab_results.sms"' in page


def test_a_number_that_waits_for_its_code_is_asked_for_it(ana_client, ana):
    number = number_of(ana, verified=False)
    page = text_of(ana_client.get(SETTINGS))
    assert "Verify your address" in page
    assert f'href="{page_of(number)}"' in page


@pytest.mark.req("M-06")
def test_a_number_that_said_stop_says_so_and_how_to_come_back(ana_client, ana):
    number = number_of(ana)
    form = form_for(ana_client, number)
    say(ana_client, number, "yes")
    contacts.opt_out(number="+12125550142", actor="system:test")
    page = text_of(ana_client.get(page_of(number)))
    assert "Texts to this number are off" in page
    assert "send a text with the word START" in page
    assert 'type="checkbox"' not in page
    assert "You replied STOP" in text_of(ana_client.get(SETTINGS))
    ana_client.post(f"{page_of(number)}consent/", form | {"agree": "yes"})
    assert not consent.is_granted(contact=number)
    assert "Only a text with START" in text_of(ana_client.get(page_of(number)))


def test_a_device_has_no_page_of_an_address(ana_client, ana):
    device = device_of(ana)
    assert ana_client.get(page_of(device)).status_code == 404
    form = {"purpose": "treatment", "wording": "text-2026-11", "agree": "yes"}
    assert ana_client.post(f"{page_of(device)}consent/", form).status_code == 404
    assert not Consent.objects.exists()


@pytest.mark.req("S-01")
def test_nobody_agrees_for_anothers_number(ana_client, ben_client, ana):
    number = number_of(ana)
    form = form_for(ana_client, number)
    answer = ben_client.post(f"{page_of(number)}consent/", form | {"agree": "yes"})
    assert answer.status_code == 404
    assert not Consent.objects.exists()


@pytest.mark.req("S-19")
def test_no_consent_for_a_number_nobody_verified(ana_client, ana):
    number = number_of(ana, verified=False)
    form = {"purpose": "treatment", "wording": consent.CURRENT_TEXT_WORDING, "agree": "yes"}
    ana_client.post(f"{page_of(number)}consent/", form)
    assert not consent.is_granted(contact=number)
    assert "Verify this number first" in text_of(ana_client.get(SETTINGS))


def test_one_try_left_is_one_time(ana_client, ana, outbox):
    answer = ana_client.post(f"{SETTINGS}contacts/add/email/", {"value": "ana@new.example"})
    for _ in range(4):
        wrong = ana_client.post(f"{answer['Location']}verify/", {"code": "000000"})
    assert "You can try 1 more time." in text_of(wrong)


def test_pressing_verify_without_a_code_costs_no_try(ana_client, ana, outbox):
    answer = ana_client.post(f"{SETTINGS}contacts/add/email/", {"value": "ana@new.example"})
    empty = ana_client.post(f"{answer['Location']}verify/", {"code": " "})
    assert (empty.status_code, "not the code" in text_of(empty)) == (422, False)
    wrong = ana_client.post(f"{answer['Location']}verify/", {"code": "000000"})
    assert "You can try 4 more times." in text_of(wrong)


def test_an_address_can_be_removed(ana_client, ana_email):
    answer = ana_client.post(f"{SETTINGS}contacts/{ana_email.pk}/remove/")
    assert answer["Location"] == SETTINGS
    assert ContactPoint.objects.get().status == "removed"
    assert "a***@example.com" not in text_of(ana_client.get(SETTINGS)).split("<main")[1]


# -- leaving by a link --------------------------------------------------------------------------


@pytest.fixture
def link(ana, ana_email) -> str:
    token = preferences.unsubscribe_token(patient_id=ana.pk, type_key="appointment_reminder")
    return f"/unsubscribe/{token}/"


@pytest.mark.req("P-21")
def test_looking_at_the_link_changes_nothing(client, ana, link):
    for _ in range(2):
        page = client.get(link)
        assert "Stop these emails?" in text_of(page)
        assert "a***@example.com" in text_of(page)
        assert "Ana" not in text_of(page)
    assert is_on(ana, "appointment_reminder", "email")


@pytest.mark.req("P-21")
@pytest.mark.req("M-12")
def test_one_click_leaves_without_cookie_or_token_and_undo_returns(ana, ben, link):
    client = Client(enforce_csrf_checks=True)
    for _ in range(3):
        answer = client.post(link, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    assert not is_on(ana, "appointment_reminder", "email")
    assert is_on(ana, "lab_results", "email")
    assert is_on(ben, "appointment_reminder", "email")

    ana_again = Client().post(link, {"all": "yes"})
    assert not is_on(ana, "lab_results", "email")
    assert is_on(ana, "system_alert", "email")
    undo = re.search(r'name="undo" value="([^"]+)"', text_of(ana_again)).group(1)
    assert "are on again" in text_of(Client().post(link, {"undo": undo}))
    assert is_on(ana, "lab_results", "email")
    assert not is_on(ana, "appointment_reminder", "email")


@pytest.mark.req("P-21")
def test_forged_links_and_undos_are_refused(client, ana, link):
    assert client.get("/unsubscribe/forged/").status_code == 400
    assert client.post(link[:-2] + "x/").status_code == 400
    assert client.post(link, {"undo": "forged"}).status_code == 400
    assert is_on(ana, "appointment_reminder", "email")


@pytest.mark.req("P-21")
@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", FORM])
def test_p21_a_mail_programs_one_click_is_answered_at_once_and_kept_nowhere(
    ana, link, content_type
):
    said = {
        FORM: "List-Unsubscribe=One-Click",
        "multipart/form-data; boundary=x": (
            '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
            "One-Click\r\n--x--\r\n"
        ),
    }[content_type]
    program = Client(enforce_csrf_checks=True)
    answer = program.generic("POST", link, said, content_type=content_type)
    assert answer.status_code == 200  # RFC 8058, section 3.1: never a redirect
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"
    assert not is_on(ana, "appointment_reminder", "email")
    assert is_on(ana, "lab_results", "email")
    assert "These emails are off" in text_of(Client().get(link))
    assert 'name="undo"' not in text_of(Client().get(link))


@pytest.mark.req("P-21")
def test_p21_the_page_speaks_the_language_of_the_patient(ana, link):
    ana.language = "es"
    ana.save()
    browser = Client(headers={"Accept-Language": "en-US"})
    page = browser.get(link)
    assert '<html lang="es"' in text_of(page)
    assert page["Content-Language"] == "es"
    assert "Stop these emails?" not in text_of(page)
    assert '<html lang="es"' in text_of(browser.post(link))
    assert '<html lang="en"' in text_of(browser.get("/unsubscribe/forged/"))


@pytest.mark.req("P-21")
def test_p21_who_left_the_practice_leaves_as_everybody_does_and_is_told_no_more(ana, link):
    depart(patient_id=ana.pk, departure="died", on=None, actor="system:desk")
    assert "Stop these emails?" in text_of(Client().get(link))
    assert Client().post(link).status_code == 200
    assert not is_on(ana, "appointment_reminder", "email")


@pytest.mark.req("P-21")
def test_p21_the_link_of_somebody_who_was_erased_is_answered_and_changes_nothing(ana_email, ben):
    token = preferences.unsubscribe_token(patient_id=uuid4(), type_key="appointment_reminder")
    for answer in (Client().get(f"/unsubscribe/{token}/"), Client().post(f"/unsubscribe/{token}/")):
        assert answer.status_code == 200
        assert "You get no more optional emails from us." in text_of(answer)
    assert not AuditEvent.objects.filter(actor="system:unsubscribe").exists()


def test_of_several_kinds_those_that_are_always_on_stay(ana, ana_email):
    types = [PatientNotificationType.known(key) for key in ("lab_results", "system_alert")]
    token = preferences.leaving._token(ana.pk, [each.type_key for each in types])
    assert Client().post(f"/unsubscribe/{token}/").status_code == 200
    assert not is_on(ana, "lab_results", "email")
    assert is_on(ana, "system_alert", "email")


def test_the_page_shows_the_address_that_is_written_to(ana, ana_email, link):
    contacts.add(patient_id=ana.pk, kind="email", value="zoe@other.example", actor="system:desk")
    assert "a***@example.com" in text_of(Client().get(link))


def test_locked_kind_of_mail_has_no_way_out_and_says_why(client, ana, ana_email):
    token = preferences.unsubscribe_token(patient_id=ana.pk, type_key="system_alert")
    for answer in (client.get(f"/unsubscribe/{token}/"), client.post(f"/unsubscribe/{token}/")):
        assert answer.status_code == 400
        assert "We always email this kind of message" in text_of(answer)


# -- signing in ---------------------------------------------------------------------------------


def test_signing_in_takes_djangos_own_fields_and_leads_on(client, ana):
    page = text_of(client.get("/accounts/login/?next=/visits/"))
    assert 'name="username"' in page
    assert 'name="password"' in page
    form = {"username": "ANA@example.com", "password": PASSWORD, "next": "/visits/"}
    assert client.post("/accounts/login/", form)["Location"] == "/visits/"


def test_wrong_password_and_unknown_person_read_the_same(client, ana):
    answers = [
        client.post("/accounts/login/", {"username": name, "password": "wrong"})
        for name in (ana.username, "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    for answer in answers:
        assert "This email and password do not match." in text_of(answer)


@pytest.mark.req("H-08")
def test_ten_wrong_passwords_rest_the_account(client, ana):
    cache.clear()
    form = {"username": ana.username, "password": "wrong"}
    answers = [client.post("/accounts/login/", form) for _ in range(11)]
    assert answers[-1].status_code == 429
    assert "Too many tries" in text_of(answers[-1])
    assert ana.username not in text_of(answers[-1])


def test_next_never_leads_away(client, ana):
    form = {"username": ana.username, "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/accounts/login/", form)["Location"] == "/"


@pytest.mark.req("S-05")
def test_every_form_of_a_page_carries_its_token(ana_client, ana_email):
    for path in ("/", "/notifications/", SETTINGS, f"{SETTINGS}contacts/{ana_email.pk}/"):
        page = text_of(ana_client.get(path))
        forms = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
        assert forms
        assert all("csrfmiddlewaretoken" in form for form in forms)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ana_email.patient, backend="django.contrib.auth.backends.ModelBackend")
    refused = strict.post("/notifications/read-all/", {"up_to": "1"})
    assert refused.status_code == 403
    assert "Nothing was changed" in text_of(refused)


def test_chosen_look_is_a_cookie_and_only_one_of_ours(client, db):
    client.post("/look/", {"theme": "dark", "next": "/accounts/login/"})
    assert 'data-theme="dark"' in text_of(client.get("/accounts/login/"))
    client.post("/look/", {"theme": '"><script>'})
    assert "data-theme" not in text_of(client.get("/accounts/login/"))
    client.cookies["theme"] = '"><script>'
    assert "data-theme" not in text_of(client.get("/accounts/login/"))


@pytest.mark.req("S-16")
def test_pages_forbid_everything_inline_and_stay_out_of_caches(ana):
    client = signed_in(ana)
    for path in ("/", "/visits/", "/notifications/", SETTINGS, "/nowhere/"):
        answer = client.get(path)
        assert answer["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        page = text_of(answer)
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:", page)
