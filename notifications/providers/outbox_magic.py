"""Numbers and addresses at which the outbox's stand-in for a carrier does not simply deliver.

Refused at once: Twilio's own magic numbers, https://www.twilio.com/docs/iam/test-credentials.
The others take the message and report trouble later. All of them belong to nobody.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What the carrier reports of a message, in order, in its own words; `code` goes with a no."""

    reports: tuple[str, ...]
    code: str = ""


REFUSED_NUMBERS: dict[str, str] = {
    "+15005550001": "21211",  # not a number
    "+15005550002": "21612",  # no way there
    "+15005550003": "21408",  # texts to this country are not switched on
    "+15005550004": "21610",  # said STOP
    "+15005550009": "21614",  # not a mobile number
}
TEXT_DELIVERED = Fate(reports=("queued", "sent", "delivered"))
TEXTS: dict[str, Fate] = {
    "+12125550199": Fate(reports=("queued", "sent", "undelivered"), code="30005"),  # no such number
    "+12125550198": Fate(reports=("queued", "sent", "undelivered"), code="30003"),  # switched off
    "+12125550197": Fate(reports=("queued", "sent", "undelivered"), code="30006"),  # a landline
    "+12125550196": Fate(reports=("queued", "failed"), code="30007"),  # filtered as spam
    "+12125550195": Fate(reports=()),  # nothing is ever heard
}
MAIL_DELIVERED = Fate(reports=("delivered",))
# By what stands before the @, and before a + in it: bounce+ana@example.com bounces too.
MAILS: dict[str, Fate] = {
    "bounce": Fate(reports=("failed",), code="550 5.1.1"),
    "rejected": Fate(reports=("failed",), code="550 5.7.1"),  # a policy: the address is fine
    "deferred": Fate(reports=("deferred", "delivered"), code="451 4.7.0"),
    "complaint": Fate(reports=("delivered", "complained")),
    "unsubscribe": Fate(reports=("delivered", "unsubscribed")),
    "opened": Fate(reports=("delivered", "opened")),  # an account whose tracking is still on
    "silent": Fate(reports=()),
}
MAGIC_DOMAINS = ("example.com", "example.net", "example.org")


def fate_of_text(number: str) -> Fate:
    return TEXTS.get(number, TEXT_DELIVERED)


def fate_of_mail(address: str) -> Fate:
    name, _at, domain = address.lower().rpartition("@")
    if domain not in MAGIC_DOMAINS:
        return MAIL_DELIVERED
    return MAILS.get(name.partition("+")[0], MAIL_DELIVERED)
