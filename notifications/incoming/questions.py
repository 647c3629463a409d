"""What we asked a number by text and are waiting to hear: what "1" or "1A" is the answer to.

Letters are those of the last text with letters: one about a household's visits, each of which
kept its letter, or our own question which visit was meant. Both go by the time of the visits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from notifications import clock
from notifications.delivery import LETTER
from notifications.enums import ContactKind, DeliveryStatus, Level, Reason
from notifications.facts import payload_in
from notifications.incoming.actions import Question
from notifications.models import ContactPoint, Delivery, DeliveryAttempt, InboundText
from notifications.rendering import LETTERS
from notifications.types import NotificationPayload

LEFT = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)
REMEMBERED = timedelta(days=60)  # nobody answers a text that is older
CONFIRM = "confirm"
ASKED = "letters"  # where a text that we asked back about keeps what our letters mean


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One text that asks, or that part of a household's text which is about one patient."""

    row: Delivery
    payload: NotificationPayload

    @property
    def key(self) -> str:
        """Return what it is about: whose, which, and when. Moved to another time, it is another."""
        made = self.row.notification
        at = self.payload.happens_at()
        when = at.astimezone(UTC).isoformat() if at else ""
        return f"{made.patient_id}:{made.subject or made.pk}:{when}"

    @property
    def left_at(self) -> datetime:
        """Return when its text left, which may be hours after the message was made. Aware, UTC."""
        return self.row.left_at

    @property
    def order(self) -> tuple[datetime, UUID]:
        return self.payload.happens_at() or self.row.notification.created_at, self.row.pk

    @property
    def stands(self) -> bool:
        made, now = self.row.notification, clock.now()
        return made.expired_at is None and (made.expires_at is None or made.expires_at > now)

    @property
    def text_id(self) -> UUID:
        """Return which text said it."""
        return self.row.merged_into_id or self.row.pk

    @property
    def letter(self) -> str:
        """Return what a household's text calls it: the one that leads is the first."""
        return self.row.reason_params.get(LETTER, "") if self.row.merged_into_id else LETTERS[0]


@dataclass(frozen=True, kw_only=True)
class Board:
    """What is asked at a number: `questions` in the order of the visits, and the rows by key."""

    questions: list[Question] = field(default_factory=list)
    asked: dict[str, Delivery] = field(default_factory=dict)
    was_asked_back: bool = False

    def rows(self, keys: Iterable[str]) -> list[Delivery]:
        return [self.asked[key] for key in keys]


def board_at(*, text: InboundText, addresses: Sequence[ContactPoint]) -> Board:
    """Return what is asked at a text's number, of patients who have these addresses now."""
    said = _said(text)
    ours = {row.pk for row in addresses}
    standing = {each.key: each for each in said if each.stands and each.row.contact_id in ours}
    waiting = _open(list(standing.values()))
    letters = _letters(text, said)
    keys = [each.key for each in sorted(standing.values(), key=_order)]
    return Board(
        questions=[
            Question(
                key=key,
                letter=letters.get(key, ""),
                is_open=key in waiting,
                stands=key in standing,
            )
            for key in dict.fromkeys([*keys, *letters])
        ],
        asked={key: each.row for key, each in standing.items()},
        was_asked_back=_was_asked_back(text, [standing[key] for key in waiting]),
    )


def _order(asked: Asked) -> tuple[datetime, UUID]:
    return asked.order


def _said(text: InboundText) -> list[Asked]:
    """Return what had left for a text's number and asks, whosever it was, the oldest first.

    Also of patients who have the number no more: their visits have letters all the same. What
    left after the text came is not what it answers.
    """
    rows = _left(text.event.channel).filter(
        contact__kind=ContactKind.PHONE,
        contact__value_index=text.number_index,
        created_at__gt=text.received_at - REMEMBERED,
        left_at__lte=text.received_at,
    )
    rows = rows.select_related("notification", "contact", "merged_into")
    found = [
        (row, payload_in(row.notification))
        for row in rows.order_by("notification__created_at", "notification_id")
    ]
    return [Asked(row=row, payload=said) for row, said in found if _asks(said)]


def _left(channel: str) -> QuerySet[Delivery]:
    """Return what went out, and when: as a text of its own, or as part of a household's.

    Of what a carrier knows from before a backup there is no try.
    """
    text = Coalesce(OuterRef("merged_into"), OuterRef("pk"))
    tries = DeliveryAttempt.objects.filter(delivery=text).order_by("-started_at")
    left_at = Coalesce(Subquery(tries.values("started_at")[:1]), "created_at")
    part = Q(status=DeliveryStatus.SKIPPED, reason=Reason.MERGED, merged_into__status__in=LEFT)
    went = Delivery.objects.filter(Q(status__in=LEFT) | part, channel=channel)
    return went.annotate(left_at=left_at)


def _asks(payload: NotificationPayload | None) -> bool:
    return payload is not None and CONFIRM in payload.actions()


def _open(standing: Sequence[Asked]) -> set[str]:
    """Return the keys that a bare yes may be meant for.

    What had been answered before the last question was asked is no longer a question; where
    nothing else is asked, the newest answered one is said yes to again.
    """
    unanswered = [each for each in standing if each.row.notification.acted_at is None]
    if not unanswered:
        return {each.key for each in standing}
    newest = max(each.left_at for each in unanswered)
    return {each.key for each in standing if (each.row.notification.acted_at or newest) >= newest}


# -- letters ------------------------------------------------------------------------------------


def _letters(text: InboundText, said: Sequence[Asked]) -> dict[str, str]:
    """Return the letters of the last text with letters, by what they stand for."""
    back, last = _asking_back(text), _last_of_household(text, said)
    if back is not None and (last is None or back.asked_back_at >= last.started_at):
        return dict(zip(back.event.content.get(ASKED, []), LETTERS, strict=False))
    if last is None:
        return {}
    return {each.key: each.letter for each in said if each.text_id == last.delivery_id}


def _last_of_household(text: InboundText, said: Sequence[Asked]) -> DeliveryAttempt | None:
    """Return the last text before this one that lettered several visits, as it left."""
    leads = {each.text_id for each in said if each.row.merged_into_id}
    if not leads:
        return None
    tries = DeliveryAttempt.objects.filter(
        delivery__in=leads, level__gte=Level.L1, started_at__lte=text.received_at
    )
    return tries.order_by("-started_at").first()


def _asking_back(text: InboundText) -> InboundText | None:
    """Return the last text of the number, before this one, that we asked back about."""
    others = InboundText.objects.filter(
        number_index=text.number_index,
        asked_back_at__gt=text.received_at - REMEMBERED,
        asked_back_at__lte=text.received_at,
    ).exclude(pk=text.pk)
    return others.select_related("event").order_by("-asked_back_at", "-pk").first()


def _was_asked_back(text: InboundText, waiting: Sequence[Asked]) -> bool:
    """Return whether we asked which was meant since the last of these questions was asked."""
    back = _asking_back(text)
    if back is None or not waiting:
        return False
    return back.asked_back_at >= max(each.left_at for each in waiting)
