"""Ana's month, told rather than diced: something of everything, so that her pages show it all."""

from datetime import datetime, time, timedelta

from notifications.services import patient_notification_service
from portal.management.demo import cast
from portal.management.demo.book import Book, Story, office_hour
from portal.management.demo.play import Stage, sends, tell
from portal.models import User
from portal.notification_types.lab_results import LabResultsPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from portal.notification_types.system_alert import SystemAlertPayload


def tell_anas_month(ana: User, *, book: Book, stage: Stage) -> None:
    """A check-up behind her, one moved, one cancelled; a visit ahead that asks to be confirmed."""
    for story in _visits(ana, book=book, now=stage.now):
        tell(story, stage=stage)
    _write(ana, stage=stage)
    stage.at(stage.now - timedelta(days=2, hours=3), lambda: _tidy(ana))


def _visits(ana: User, *, book: Book, now: datetime) -> list[Story]:
    def visit(days: int, hour: int, booked_days_ago: float) -> Story:
        booked_at = office_hour(now - timedelta(days=booked_days_ago), ana.home_location)
        return book.on_day(ana, book.work_day(days=days), at=time(hour, 30), booked_at=booked_at)

    past, cancelled = visit(-14, 9, 26), visit(-6, 15, 20)
    cancelled.cancelled_at = now - timedelta(days=9)
    # Booked more than a week and due within one: its first reminder has gone and asks.
    coming, moved = visit(4, 9, 12), visit(16, 14, 10)
    moved.moved_at = now - timedelta(days=1, hours=4)
    moved.moved_to = visit(18, 10, 10).starts_at
    return [past, cancelled, coming, moved]


def _write(ana: User, *, stage: Stage) -> None:
    test_name, summary = cast.RESULTS[0]
    dentist = cast.PROVIDERS[0][0]
    result = LabResultsPayload(
        result_id=LabResultsPayload.example().result_id,
        provider_name=dentist,
        test_name=test_name,
        summary=summary,
        taken_on=(stage.now - timedelta(days=3)).date(),
    )
    note = MessageFromProviderPayload(provider_name=dentist, text=cast.NOTES[0])
    reply = MessageFromProviderPayload(provider_name=dentist, text=cast.NOTES[2])
    news = SystemAlertPayload(text="Your mobile number was verified. You can now get texts.")
    for days, payload in ((30, news), (13, note), (0.8, result), (0.1, reply)):
        moment = stage.now - timedelta(days=days)
        stage.at(moment, sends(ana, payload))
        stage.engine_at(moment)


def _tidy(ana: User) -> None:
    """Ana reads her messages but the one that asks, archives some, dismisses one."""
    mine = {"patient_id": ana.pk}
    rows = patient_notification_service.inbox(**mine).items
    old = [row for row in rows if not row.payload.get("asks_to_confirm") or row.expired_at]
    for row in old:
        patient_notification_service.mark_read(**mine, notification_id=row.pk)
    for row in old[-2:]:
        patient_notification_service.archive(**mine, notification_id=row.pk)
    for row in old[-3:-2]:
        patient_notification_service.dismiss(**mine, notification_id=row.pk)
