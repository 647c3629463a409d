"""What patients do at home: they read, answer, say STOP, and choose how to hear from us."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import time, timedelta
from itertools import count

from notifications import clock, contacts, incoming, preferences
from notifications.enums import ContactKind, ContactStatus, Digest, Purpose
from notifications.models import ContactPoint
from notifications.services import patient_notification_service
from notifications.types import Refused, Reply
from portal import services
from portal.management.simulation import ACTOR
from portal.management.simulation.town import agree
from portal.models import User


class Home:
    """The patients' half of a clinic's life."""

    dice: random.Random
    _texts: Iterator[int] = count()

    def read_messages(self, patient: User) -> None:
        """Open what is new; confirm most visits that ask."""
        mine = {"patient_id": patient.pk}
        for row in patient_notification_service.inbox(**mine, unread_only=True, limit=5).items:
            one = {**mine, "notification_id": row.pk}
            if row.payload.get("asks_to_confirm") and self.dice.random() < 0.7:
                with suppress(Refused):  # the visit has moved or is cancelled since
                    services.answer(**one, action="confirm", actor=_self(patient))
            else:
                patient_notification_service.mark_read(**one)

    def say_stop(self, patient: User) -> None:
        for contact in self._phones(patient):
            contacts.opt_out(number=contact.value["address"], actor=ACTOR)

    def say_start(self, patient: User) -> None:
        """Ask for texts again, if they were stopped."""
        for contact in self._phones(patient):
            if contact.status == ContactStatus.OPTED_OUT:
                contacts.opt_in(number=contact.value["address"], actor=ACTOR)
                agree(contact)

    def turn_texts_off(self, patient: User) -> None:
        preferences.change(
            patient_id=patient.pk,
            type_key="appointment_reminder",
            changes={"sms": False},
            actor=_self(patient),
        )

    def write_back(self, patient: User) -> None:
        """Answer by text: mostly plainly, sometimes so that nobody can tell."""
        said = self.dice.choice(("1", "1", "1", "2", "1A", "1AB", "A", "yes", "who is this?"))
        for contact in self._phones(patient)[:1]:
            reply = Reply(
                event_key=f"simulated:{next(self._texts)}",
                sender=contact.value["address"],
                text=said,
            )
            incoming.take_reply(channel="sms", reply=reply)

    def choose_for_everything(self, patient: User) -> None:
        """Pause for some days, set quiet hours, or ask for a summary."""
        change = self.dice.choice(
            (
                {"paused_until": clock.now() + timedelta(days=self.dice.randint(1, 9))},
                {"paused_until": None},
                {"quiet_from": time(19), "quiet_until": time(10)},
                {"quiet_from": None, "quiet_until": None},
                {"digest": Digest.DAILY},
                {"digest": Digest.WEEKLY},
            )
        )
        preferences.change_settings(patient_id=patient.pk, changes=change, actor=_self(patient))

    def ask_for_news(self, patient: User) -> None:
        preferences.change(
            patient_id=patient.pk,
            type_key="general_announcement",
            changes={"email": True, "sms": True},
            actor=_self(patient),
        )
        for contact in contacts.of_patient(patient_id=patient.pk):
            if contact.verified_at is not None and contact.status == ContactStatus.ACTIVE:
                agree(contact, purpose=Purpose.MARKETING)

    def wish_to_be_reached_otherwise(self, patient: User) -> None:
        """Ask the desk never to text, or to use nothing but e-mail."""
        wish = self.dice.choice(
            (
                {"kind": ContactKind.PHONE, "is_only": False},
                {"kind": ContactKind.EMAIL, "is_only": True},
            )
        )
        contacts.record_request(patient_id=patient.pk, actor=ACTOR, **wish)

    def _phones(self, patient: User) -> list[ContactPoint]:
        known = contacts.of_patient(patient_id=patient.pk)
        return [contact for contact in known if contact.kind == ContactKind.PHONE]


def _self(patient: User) -> str:
    return f"user:{patient.pk}"
