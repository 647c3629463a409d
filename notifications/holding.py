"""Lets go of what is held: at once after a pause, with questions first after a backup.

A restored database calls "planned" what has been sent since the backup was made. So before anything
leaves, what may have left is taken for not known and the carriers are asked; only what is unsent
and still in time goes (H-20).
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from notifications import delivery, incoming, switches
from notifications.channels.base import channel_of
from notifications.enums import CarrierEventKind, ContactKind
from notifications.models import CarrierEvent
from notifications.scheduler import TickReport, notification_scheduler_service


@dataclass(frozen=True, kw_only=True)
class Released:
    """What a release found: since when all was held, and what may have left before."""

    held_since: datetime
    restored_from: datetime | None = None
    doubted: dict[str, int] = field(default_factory=dict)
    heard: int = 0  # texts from patients that are not in the backup


def release(*, actor: str, without_replies: bool = False) -> Released | None:
    """End the hold; None where nothing is held, or another release or hold came between.

    Run again after a crash, it goes on.

    What may have left before a backup was put back is asked about first; the clock then settles
    each by what its carrier says. Before that, what patients wrote since is fetched and acted on:
    whoever said STOP after the backup must not be texted again. Raises NotSupported or
    ChannelError where the carrier of texts cannot tell, unless `without_replies`.
    """
    everything = switches.read().everything
    if everything is None or everything.off_at is None:
        return None
    doubted: dict[str, int] = {}
    heard = 0
    if everything.restored_from is not None:
        if not without_replies:
            heard = _hear_since(everything.restored_from)
        # Plans that were due are messages first: what of them left, left as a message.
        notification_scheduler_service.make_due(report=TickReport(), limit=10**9)
        doubted = delivery.doubt(
            restored_from=everything.restored_from, held_at=everything.off_at
        ).counts
    with transaction.atomic():
        if not switches.lift(actor=actor, since=everything.off_at):
            return None
        delivery.wake_after_commit()
    return Released(
        held_since=everything.off_at,
        restored_from=everything.restored_from,
        doubted=doubted,
        heard=heard,
    )


def _hear_since(moment: datetime) -> int:
    """Act on what patients wrote since a moment, oldest first; return how many texts were new."""
    channel = channel_of(ContactKind.PHONE)
    if not channel.is_configured():
        return 0
    known = CarrierEvent.objects.filter(channel=channel.key, kind=CarrierEventKind.REPLY)
    before = known.count()
    for reply in channel.replies_since(since=moment):
        incoming.take_reply(channel=channel.key, reply=reply)
    return known.count() - before
