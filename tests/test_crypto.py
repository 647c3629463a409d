"""Encryption at rest: what is sealed, to which row it is bound, and how a key ends."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from notifications import contacts, crypto
from notifications.crypto import PatientKey, SealBroken, keys
from notifications.enums import ContactKind
from notifications.models import ContactPoint, DeliveryAttempt, PatientNotification
from notifications.providers.outbox import OutboxMessage
from notifications.services import patient_notification_service
from notifications.types import AnswerLost
from portal.models import Appointment, User
from portal.notification_types.lab_results import LabResultsPayload
from portal.services import book
from tests.conftest import PASSWORD
from tests.engine import device_of, email_of, phone_of, run

pytestmark = pytest.mark.django_db

OLD = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NEW = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


@pytest.fixture(autouse=True)
def master(settings):
    settings.NOTIFICATIONS_MASTER_KEYS = f"1:{OLD}"


def a_result(patient, summary="All is well"):
    payload = LabResultsPayload(
        result_id=crypto.new_id(), provider_name="Dr Lee", test_name="X-ray", summary=summary
    )
    return patient_notification_service.create_notification(patient_id=patient.pk, payload=payload)


def reread(row):
    return type(row).objects.get(pk=row.pk)


def column(row, name):
    """A column's bytes as they stand in the database."""
    return bytes(type(row).objects.filter(pk=row.pk).values_list(name, flat=True).get())


def put(row, name, value):
    """Write bytes into a column, as somebody with the database but not the keys could."""
    pk = row.pk.hex if connection.vendor == "sqlite" else row.pk
    with connection.cursor() as cursor:
        table = type(row)._meta.db_table
        cursor.execute(f'UPDATE {table} SET "{name}" = %s WHERE id = %s', [value, pk])


# -- what a model reads and what the database keeps ---------------------------------------------


@pytest.mark.req("H-05")
@pytest.mark.parametrize(
    "value", ["plain", "", "Ñuñez — 😀", {"a": [1, None, True]}, ["x"], 7, "x" * 100_000]
)
def test_what_was_assigned_is_read_back_and_is_not_in_the_database(ana, value):
    row = a_result(ana)
    row.payload = value
    row.save()
    assert reread(row).payload == value
    assert str(value).encode() not in column(row, "payload") or value in ("", 7)


def test_the_same_text_looks_different_in_every_row(ana):
    first, second = a_result(ana), a_result(ana)
    assert first.message == second.message
    assert column(first, "message") != column(second, "message")


def test_saving_what_was_not_touched_keeps_it(ana):
    row = reread(a_result(ana))
    before = column(row, "message")
    row.title = "Another"
    row.save()
    assert column(row, "message") == before
    assert reread(row).message


def test_nothing_stays_nothing(ana):
    assert ana.date_of_birth is None
    assert reread(ana).date_of_birth is None


def test_a_date_of_birth_is_sealed(ana):
    ana.date_of_birth = "1990-05-04"
    ana.save()
    assert reread(ana).born_on == date(1990, 5, 4)
    assert b"1990" not in column(ana, "date_of_birth")


def test_a_sealed_column_can_be_left_out_and_read_later(ana):
    made = a_result(ana)
    row = PatientNotification.objects.defer("message").get(pk=made.pk)
    assert row.message == made.message


def test_a_sealed_column_can_neither_be_filtered_on_nor_written_past_the_seal(ana):
    row = a_result(ana)
    with pytest.raises(FieldError):
        PatientNotification.objects.filter(message="x").exists()
    with pytest.raises(TypeError, match="is sealed"), transaction.atomic():
        PatientNotification.objects.filter(pk=row.pk).update(message="x")
    row.message = "x"
    with pytest.raises(TypeError, match="is sealed"), transaction.atomic():
        PatientNotification.objects.bulk_update([row], ["message"])
    assert PatientNotification.objects.filter(message__isnull=False).exists()


@pytest.mark.req("H-05")
def test_dumpdata_refuses_to_write_it_in_the_clear(ana, capsys):
    a_result(ana, summary="CANARY")
    with pytest.raises(CommandError, match="is sealed"):
        call_command("dumpdata", "notifications.patientnotification")
    assert "CANARY" not in capsys.readouterr().out


# -- bound to its row ---------------------------------------------------------------------------


@pytest.mark.req("H-05")
def test_a_value_moved_to_another_row_does_not_open(ana):
    first, second = a_result(ana), a_result(ana)
    put(second, "message", column(first, "message"))
    with pytest.raises(SealBroken, match=f"patient_notifications.message:{second.pk}"):
        _ = reread(second).message


@pytest.mark.req("H-05")
def test_a_value_moved_to_another_column_does_not_open(ana):
    row = a_result(ana)
    put(row, "message", column(row, "payload"))
    with pytest.raises(SealBroken):
        _ = reread(row).message


@pytest.mark.req("H-05")
def test_a_value_moved_to_another_patient_does_not_open(ana, ben):
    row, other = a_result(ana), a_result(ben)
    put(other, "message", column(row, "message"))
    with pytest.raises(SealBroken):
        _ = reread(other).message


@pytest.mark.req("H-05")
def test_a_contact_value_moved_to_another_patient_does_not_open(ana, ben):
    anas, bens = email_of(ana), email_of(ben)
    put(bens, "value", column(anas, "value"))
    with pytest.raises(SealBroken, match="contact_points.value"):
        _ = reread(bens).value


@pytest.mark.req("H-05")
@pytest.mark.parametrize("at", [1, 12, 13, -1])
def test_a_flipped_byte_does_not_open(ana, at):
    row = a_result(ana)
    sealed = bytearray(column(row, "message"))
    sealed[at] ^= 1
    put(row, "message", bytes(sealed))
    with pytest.raises(SealBroken):
        _ = reread(row).message


@pytest.mark.parametrize("rubbish", [b"", b"\x01", b"\x01short", b"\xff" * 40])
def test_rubbish_does_not_open_and_says_where_it_is(ana, rubbish):
    contact, row = email_of(ana), a_result(ana)
    put(contact, "value", rubbish)
    put(row, "message", rubbish)
    with pytest.raises(SealBroken, match=f"contact_points.value:{contact.pk}"):
        _ = reread(contact).value
    with pytest.raises(SealBroken, match=f"patient_notifications.message:{row.pk}"):
        _ = reread(row).message


def test_a_row_is_the_same_row_however_its_id_is_written(ana):
    row = PatientNotification(
        id=str(crypto.new_id()).upper(), patient=ana, seq=1, type="lab_results", priority="low"
    )
    row.message = "Here"
    row.save()
    assert PatientNotification.objects.get(patient=ana).message == "Here"


# -- a patient's key ----------------------------------------------------------------------------


@pytest.mark.req("H-05")
def test_destroying_a_key_erases_one_patients_texts_and_no_other(ana, ben):
    anas, bens = a_result(ana), a_result(ben)
    PatientKey.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert reread(anas).message

    crypto.destroy_key(ana.pk)

    with pytest.raises(SealBroken, match=f"the key of patient {ana.pk} was destroyed"):
        _ = reread(anas).message
    assert reread(bens).message


def test_another_process_forgets_an_erased_key_within_a_minute(ana, monkeypatch):
    row = a_result(ana)
    PatientKey.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert reread(row).message
    PatientKey.objects.filter(pk=ana.pk).delete()  # by somebody else: our memory does not know

    later = keys.monotonic() + keys.KEPT_SECONDS + 1
    monkeypatch.setattr(keys, "monotonic", lambda: later)
    with pytest.raises(SealBroken):
        _ = reread(row).message


def test_after_an_erasure_new_texts_have_a_new_key_and_old_ones_stay_shut(ana):
    old = a_result(ana)
    crypto.destroy_key(ana.pk)
    assert reread(a_result(ana)).message
    with pytest.raises(SealBroken):
        _ = reread(old).message


def test_a_rolled_back_transaction_leaves_no_key_behind(ana):
    with pytest.raises(RuntimeError), transaction.atomic():
        lost = a_result(ana)
        assert reread(lost).message
        raise RuntimeError
    assert not PatientKey.objects.filter(pk=ana.pk).exists()

    kept = a_result(ana)
    crypto.forget_keys()  # as a new process would read it
    assert reread(kept).message


def test_a_page_of_messages_takes_one_key(ana, django_assert_num_queries):
    for _ in range(5):
        a_result(ana)
    rows = list(PatientNotification.objects.all())
    with django_assert_num_queries(1), crypto.keys_loaded([ana.pk]):
        assert all(row.message and row.payload for row in rows)


# -- the master keys ----------------------------------------------------------------------------


@pytest.mark.req("H-05")
def test_after_a_rotation_old_rows_are_readable_and_new_ones_use_the_new_key(ana, ben, settings):
    old, address = a_result(ana), email_of(ana)
    settings.NOTIFICATIONS_MASTER_KEYS = f"2:{NEW},1:{OLD}"
    new, new_address = a_result(ben), email_of(ben)
    assert reread(old).message
    assert reread(address).value == {"address": "ana@example.com"}
    assert column(address, "value")[0] == 1
    assert column(new_address, "value")[0] == 2

    settings.NOTIFICATIONS_MASTER_KEYS = f"2:{NEW}"
    assert reread(new).message
    assert reread(new_address).value
    with pytest.raises(SealBroken, match="no master key opens"):
        _ = reread(old).message
    with pytest.raises(SealBroken, match="needs master key 1"):
        _ = reread(address).value


@pytest.mark.req("H-05")
def test_rotate_keys_lets_the_old_key_go(ana, settings, capsys):
    old, address = a_result(ana), email_of(ana)
    settings.NOTIFICATIONS_MASTER_KEYS = f"2:{NEW},1:{OLD}"
    call_command("rotate_keys")
    assert "under master key 2: older keys can go" in capsys.readouterr().out
    call_command("rotate_keys")

    settings.NOTIFICATIONS_MASTER_KEYS = f"2:{NEW}"
    assert reread(old).message
    assert reread(address).value == {"address": "ana@example.com"}
    assert contacts.find(kind=ContactKind.EMAIL, value="ana@example.com").get() == address


def test_rotate_keys_without_the_old_key_says_so_and_changes_nothing(ana, settings):
    old = a_result(ana)
    settings.NOTIFICATIONS_MASTER_KEYS = f"2:{NEW}"
    with pytest.raises(CommandError, match="Put the missing key back"):
        call_command("rotate_keys")
    settings.NOTIFICATIONS_MASTER_KEYS = f"2:{NEW},1:{OLD}"
    assert reread(old).message


def test_the_highest_number_is_the_newest_key_in_whatever_order():
    assert list(crypto.parse_keys(f"1:{OLD},2:{NEW}", setting="X")) == [2, 1]


# -- the blind index ----------------------------------------------------------------------------


@pytest.mark.req("H-05")
def test_an_address_is_found_typed_whole_and_in_no_other_way(ana, ben):
    anas = email_of(ana, "Ana.Private@Example.com")
    email_of(ben)
    assert contacts.find(kind=ContactKind.EMAIL, value="ana.private@example.com").get() == anas
    assert not contacts.find(kind=ContactKind.EMAIL, value="ana.private@example.co").exists()
    assert not ContactPoint.objects.filter(value_index__contains="ana").exists()


def test_the_index_of_a_number_is_not_that_of_an_equal_looking_address(settings):
    as_email = crypto.blind_index(kind="email", value="x")
    assert as_email != crypto.blind_index(kind="phone", value="x")
    settings.NOTIFICATIONS_INDEX_KEY = NEW
    assert as_email != crypto.blind_index(kind="email", value="x")


# -- a stolen database --------------------------------------------------------------------------

CANARIES = {
    "address": "canary.address@example.com",
    "number": "+12125550187",
    "endpoint": "https://push.example/canary-endpoint",
    "test": "canary-panoramic",
    "summary": "canary-summary-of-tooth-14",
    "reason": "canary-root-canal",
    "notes": "canary-is-afraid-of-needles",
    "born": "1971-03-09",
    "lost": "canary-in-an-exception",
}


def everything_in_the_database():
    """Every value of every table, as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    is_bytes = isinstance(value, bytes | memoryview)
                    yield table, bytes(value).decode("latin-1") if is_bytes else str(value)


def live_a_little(ana, location, provider, client, monkeypatch):
    """Addresses, a visit, results, sends that work and fail, codes, a failed sign-in."""
    ana.date_of_birth = CANARIES["born"]
    ana.save()
    contact = email_of(ana, CANARIES["address"])
    phone_of(ana, CANARIES["number"])
    device_of(ana, CANARIES["endpoint"])
    starts_at = timezone.now() + timedelta(days=3)
    book(
        patient_id=ana.pk,
        provider_id=provider.pk,
        location_id=location.pk,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        actor="system:desk",
        reason=CANARIES["reason"],
        notes=CANARIES["notes"],
    )
    payload = LabResultsPayload(
        result_id=crypto.new_id(),
        provider_name="Dr Lee",
        test_name=CANARIES["test"],
        summary=CANARIES["summary"],
    )
    patient_notification_service.create_notification(patient_id=ana.pk, payload=payload)
    run()
    contacts.send_code(patient_id=ana.pk, contact_id=contact.pk, actor=f"user:{ana.pk}")
    for error in (AnswerLost(code="timeout"), RuntimeError(CANARIES["lost"])):
        with monkeypatch.context() as patched:
            patched.setattr(OutboxMessage, "save", raising(error))
            patient_notification_service.create_notification(patient_id=ana.pk, payload=payload)
            run()
    client.post("/accounts/login/", {"username": ana.username, "password": f"not-{PASSWORD}"})


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.req("H-05")
@pytest.mark.req("CANARY")
def test_a_stolen_database_tells_nothing_of_what_is_sealed(
    ana, location, provider, client, monkeypatch, caplog
):
    caplog.set_level("DEBUG")
    live_a_little(ana, location, provider, client, monkeypatch)
    codes = set(DeliveryAttempt.objects.values_list("code", flat=True))
    assert {"", "timeout", "RuntimeError"} <= codes
    assert Appointment.objects.get().reason == CANARIES["reason"]
    assert User.objects.get(pk=ana.pk).date_of_birth == CANARIES["born"]

    found = [
        (table, name)
        for table, text in everything_in_the_database()
        for name, canary in CANARIES.items()
        if canary in text
    ]
    assert found == []
    assert "canary" not in caplog.text
