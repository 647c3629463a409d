"""Fill an empty database with a demo clinic that has a past, and print who may sign in."""

import random
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from notifications import clock
from notifications.enums import PatientNotificationChannel
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.management.demo import PAST, SOURCE, play, signins
from portal.management.demo.ana import tell_anas_month
from portal.management.demo.book import Book
from portal.management.demo.desk import keep_the_desk
from portal.management.demo.people import Clinic, admit, open_clinic, say_stop
from portal.models import Appointment, ExternalId, Practice, User


class Command(BaseCommand):
    help = (
        "Fill an empty database with a demo clinic. Run again, it leaves the clinic as it is and "
        "sets the sign-ins' password: DEMO_PASSWORD, or one made up and printed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="say nothing and change nothing if it is not"
        )
        parser.add_argument("--seed", type=int, default=7, help="another number, another month")

    def handle(self, **options: Any) -> None:
        is_ours = ExternalId.objects.filter(source=SOURCE).exists()
        has_clinic = Practice.objects.exists()
        if has_clinic and options["if_empty"]:
            return
        if has_clinic and not is_ours:
            raise CommandError(
                "This database already has a practice. The demo goes into an empty one: "
                "set DATABASE_URL to another, such as sqlite:///demo.sqlite3"
            )
        _refuse_real_carriers()
        if not has_clinic:
            self._seed(dice=random.Random(options["seed"]))
        password = signins.set_passwords()
        self._summary(password)

    # One transaction: an interrupted demo leaves nothing.
    @transaction.atomic
    def _seed(self, *, dice: random.Random) -> None:
        now = clock.real_now().replace(second=0, microsecond=0)
        self.stdout.write("Opening the clinic ...")
        with clock.at(now - PAST):
            clinic = open_clinic()
            admit(clinic, dice=dice)
            signins.hire()
        stage = _stage(clinic, now=now, dice=dice)
        stage.play(progress=self._progress())
        notification_scheduler_service.run_due()

    def _progress(self):
        weeks: set[int] = set()

        def said(moment: datetime) -> None:
            week = moment.isocalendar().week
            if week not in weeks:
                weeks.add(week)
                self.stdout.write(f"Playing the week of {moment:%d %B} ...")
                self.stdout.flush()

        return said

    def _summary(self, password: str) -> None:
        visits, now = Appointment.objects.all(), clock.now()
        planned = len(notification_scheduler_service.planned(days=60))
        ana = User.objects.get(username="ana@example.com")
        unread = patient_notification_service.unread_count(patient_id=ana.pk)
        lines = [
            "",
            f"{Practice.objects.get().name}: {User.objects.filter(is_staff=False).count()} "
            f"patients, {visits.filter(starts_at__lt=now).count()} visits behind, "
            f"{visits.filter(starts_at__gte=now).count()} ahead, {planned} reminders planned.",
            f"{settings.PUBLIC_URL}/accounts/login/",
            "",
            f"  ana@example.com          a patient, {unread} unread messages",
            "  maria@example.com        a guardian of two children, Lucas and Sofia",
            "  luis.ortega@example.com  a patient who reads Spanish",
            "  derek.stone@example.com  a patient who replied STOP",
            "  desk@example.com         front desk",
            "  admin@example.com        administrator",
            "  and every other patient, such as peter.walsh@example.com",
            "",
            "  Password of each: DEMO_PASSWORD"
            if settings.DEMO_PASSWORD
            else f"  Password of each: {password}",
            "",
        ]
        self.stdout.write("\n".join(lines))


def _stage(clinic: Clinic, *, now: datetime, dice: random.Random) -> play.Stage:
    """Return the line of time with everybody's story on it."""
    stage, book = play.Stage(now=now), Book(clinic=clinic, now=now, dice=dice)
    tell_anas_month(clinic.ana, book=book, stage=stage)
    for story in book.fill():
        play.tell(story, stage=stage)
    keep_the_desk(clinic, book=book, stage=stage)
    readers = [clinic.maria, *clinic.patients]
    for patient in readers:
        play.visit_the_portal(patient, stage=stage, dice=dice)
    play.write_to(dice.sample(readers, 15), stage=stage, dice=dice)
    stage.at(now - PAST / 2, lambda: say_stop(clinic.stopped))
    return stage


def _refuse_real_carriers() -> None:
    """Playing a past sends its messages: never through a carrier that delivers them."""
    channels = [cls() for cls in PatientNotificationChannel.classes()]
    real = [each.key for each in channels if each.is_configured() and not each.is_rehearsal()]
    if real:
        raise CommandError(
            f"The demo plays a month of messages, and {', '.join(real)} would really go out. "
            "Use the outbox providers."
        )
