"""Numbers, addresses and devices at which a carrier does not simply deliver, as data.

The outbox and the stand-ins over the wire read this one table; docs/rehearsing.md shows it to
people. Refused at once are Twilio's own magic numbers,
https://www.twilio.com/docs/iam/test-credentials. The others end in 555-01xx, which belongs to
nobody, and the addresses are at the domains of RFC 2606.
"""

from dataclasses import dataclass
from enum import StrEnum


class Handover(StrEnum):
    """What whoever hands a message over hears at once."""

    TAKEN = "taken"
    REFUSED = "refused"
    BUSY = "busy"  # so often BUSY_TIMES, then taken
    ERROR_BEFORE = "error-before"  # a fault of the carrier's own; it has not taken it
    ERROR_AFTER = "error-after"  # the same, but it has
    CUT_BEFORE = "cut-before"  # the connection ends
    CUT_AFTER = "cut-after"
    HANG_BEFORE = "hang-before"  # no answer for HANG_SECONDS
    HANG_AFTER = "hang-after"
    SLOW = "slow"  # taken, after SLOW_SECONDS


NOT_TAKEN = {
    Handover.REFUSED,
    Handover.ERROR_BEFORE,
    Handover.CUT_BEFORE,
    Handover.HANG_BEFORE,
}
BUSY_TIMES = 2
HANG_SECONDS = 30.0
SLOW_SECONDS = 3.0
LATE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of a message.

    `reports` are what is said of it later, in order and in the carrier's words; `code` goes with
    a no, at once or later; `late` seconds pass before the first report; `writes` is what the
    patient texts back once it has arrived.
    """

    handover: Handover = Handover.TAKEN
    reports: tuple[str, ...] = ()
    code: str = ""
    late: float = 0.0
    writes: str = ""


# -- texts --------------------------------------------------------------------------------------

ARRIVED = ("queued", "sent", "delivered")
NEVER_ARRIVED = ("queued", "sent", "undelivered")
NEVER_LEFT = ("queued", "failed")
TEXT_DELIVERED = Fate(reports=ARRIVED)


def _refused(code: str) -> Fate:
    return Fate(handover=Handover.REFUSED, code=code)


def _behaves(handover: Handover) -> Fate:
    return Fate(handover=handover, reports=() if handover in NOT_TAKEN else ARRIVED)


TEXTS: dict[str, Fate] = {
    "+15005550001": _refused("21211"),  # not a number
    "+15005550002": _refused("21612"),  # no way there
    "+15005550003": _refused("21408"),  # texts to this country are not switched on
    "+15005550004": _refused("21610"),  # said STOP
    "+15005550009": _refused("21614"),  # not a mobile number
    "+12125550199": Fate(reports=NEVER_ARRIVED, code="30005"),  # no such number
    "+12125550198": Fate(reports=NEVER_ARRIVED, code="30003"),  # switched off
    "+12125550197": Fate(reports=NEVER_ARRIVED, code="30006"),  # a landline
    "+12125550196": Fate(reports=NEVER_LEFT, code="30007"),  # filtered as spam
    "+12125550195": Fate(),  # nothing is ever heard
    "+12125550194": Fate(reports=NEVER_LEFT, code="30034"),  # in no registered campaign
    "+12125550193": Fate(reports=NEVER_ARRIVED, code="30008"),  # no reason given
    "+12125550192": _behaves(Handover.BUSY),
    "+12125550191": _behaves(Handover.ERROR_BEFORE),
    "+12125550190": _behaves(Handover.ERROR_AFTER),
    "+12125550189": _behaves(Handover.CUT_BEFORE),
    "+12125550188": _behaves(Handover.CUT_AFTER),
    "+12125550186": _behaves(Handover.HANG_BEFORE),
    "+12125550185": _behaves(Handover.HANG_AFTER),
    "+12125550184": Fate(reports=ARRIVED, late=LATE_SECONDS),
    "+12125550183": Fate(reports=("queued", "queued", "sent", "sent", "delivered", "delivered")),
    "+12125550182": Fate(reports=("delivered", "queued", "sent")),
    "+12125550181": Fate(reports=ARRIVED, writes="STOP"),
    "+12125550180": Fate(reports=ARRIVED, writes="1"),
}


def fate_of_text(number: str) -> Fate:
    return TEXTS.get(number, TEXT_DELIVERED)


# -- mails --------------------------------------------------------------------------------------

MAIL_DELIVERED = Fate(reports=("delivered",))
# By what stands before the @, and before a + in it: bounce+ana@example.com bounces too. A service
# such as Mailgun takes what it refuses later; an SMTP server says no at once, with the same code.
MAILS: dict[str, Fate] = {
    "bounce": Fate(reports=("failed",), code="550 5.1.1"),
    "rejected": Fate(reports=("failed",), code="550 5.7.1"),  # a policy: the address is fine
    "deferred": Fate(reports=("deferred", "delivered"), code="451 4.7.0"),
    "complaint": Fate(reports=("delivered", "complained")),
    "unsubscribe": Fate(reports=("delivered", "unsubscribed")),
    "opened": Fate(reports=("delivered", "opened")),  # an account whose tracking is still on
    "silent": Fate(),
    "full": Fate(handover=Handover.REFUSED, code="452 4.2.2"),
    "greylist": Fate(handover=Handover.BUSY, reports=("delivered",), code="451 4.7.1"),
    "cut-before": Fate(handover=Handover.CUT_BEFORE),
    "cut-after": Fate(handover=Handover.CUT_AFTER, reports=("delivered",)),
    "slow": Fate(handover=Handover.SLOW, reports=("delivered",)),
    "silent-after": Fate(handover=Handover.HANG_AFTER, reports=("delivered",)),
}
MAGIC_DOMAINS = ("example.com", "example.net", "example.org")


def fate_of_mail(address: str) -> Fate:
    name, _at, domain = address.lower().rpartition("@")
    if domain not in MAGIC_DOMAINS:
        return MAIL_DELIVERED
    return MAILS.get(name.partition("+")[0], MAIL_DELIVERED)


def is_refused_at_once(fate: Fate) -> bool:
    """Return whether an SMTP server would not take a mail of this fate."""
    return fate.handover == Handover.REFUSED or fate.reports == ("failed",)


# -- pushes -------------------------------------------------------------------------------------

PUSH_TAKEN = Fate()
# Asked for when subscribing at the stand-in over the wire.
PUSHES: dict[str, Fate] = {
    "404": _refused("404"),
    "410": _refused("410"),
    "413": _refused("413"),
    "429": Fate(handover=Handover.BUSY, code="429"),
    "500": Fate(handover=Handover.ERROR_BEFORE, code="500"),
    "cut-before": _behaves(Handover.CUT_BEFORE),
    "cut-after": Fate(handover=Handover.CUT_AFTER),
    "hang": _behaves(Handover.HANG_BEFORE),
}
# In the outbox: how a device's endpoint ends, after `/magic/`.
ENDPOINTS: dict[str, Fate] = {
    "gone": PUSHES["410"],
    "busy": PUSHES["429"],
    "lost": PUSHES["cut-after"],
}


def fate_of_push(endpoint: str) -> Fate:
    before, magic, name = endpoint.rpartition("/magic/")
    return ENDPOINTS.get(name, PUSH_TAKEN) if before and magic else PUSH_TAKEN
