"""Carriers' codes in words for the desk and whoever runs the system, where they are known.

What a code leads to is the carriers' own tables (`providers/`); these are only the words.
"""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

# Each sentence with the codes it stands for.
# Texts: https://www.twilio.com/docs/api/errors. Mail: RFC 4954 section 6, RFC 5321 section 4.2.3;
# SES: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html.
# Pushes: RFC 8030 section 7.3, RFC 8292 section 4.2.
SAID: tuple[tuple[Any, Iterable[str]], ...] = (
    # texts
    (_("the account's id or password is wrong"), ("20003", "20404")),
    (_("the account is not active or is suspended"), ("20005", "30002")),
    (
        _("the number or service that texts are sent from is wrong"),
        ("21212", "21603", "21606", "21659", "21660", "21701", "21703", "21704", "21705"),
    ),
    (_("the address for receipts cannot be called"), ("21609",)),
    (_("the network takes our text for spam"), ("30007",)),
    (_("hiding texts from the provider's log is not switched on there"), ("30029",)),
    (_("hiding numbers from the provider's log is not switched on there"), ("30030",)),
    (_("our number is not registered for texts"), ("30032", "30034")),
    (_("today's texts are used up"), ("30023", "63038")),
    (_("the patient replied STOP"), ("21610",)),
    (_("this is no number"), ("21211", "21217")),
    (_("this number cannot get texts"), ("21614", "21635", "30004", "30006")),
    (_("this number is not in use"), ("30005",)),
    (_("the phone is switched off or out of reach"), ("30003",)),
    (_("texts to this country are not switched on"), ("21408",)),
    (_("a trial account sends to verified numbers only"), ("21608",)),
    # mail
    (
        _("the name or password for sending mail is wrong"),
        ("530", "534", "535", "538", "AccessDeniedException", "UnrecognizedClientException")
        + ("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredTokenException"),
    ),
    (
        _("the name or password for sending mail is missing"),
        ("NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ProfileNotFound"),
    ),
    (
        _("the mail account is suspended or paused"),
        ("AccountSuspendedException", "SendingPausedException"),
    ),
    (
        _("our own mail address is not verified there"),
        ("MailFromDomainNotVerifiedException",),
    ),
    (_("there is no such mailbox, or it takes no mail"), ("550", "551", "553")),
    # pushes
    (_("the key for pushes is missing or wrong"), ("no_vapid_key", "bad_vapid_subject")),
    (_("the device is no longer registered"), ("410",)),
    # our own
    (_("our program stopped in the middle"), ("lease_lost",)),
    (_("the database was put back from a backup"), ("restored",)),
    # any
    (_("it refuses our key or password"), ("401", "403")),
    (_("the provider is not set up here"), ("not_configured", "ImproperlyConfigured")),
)
WORDS = {code: sentence for sentence, codes in SAID for code in codes}


def code_in_words(code: str) -> str:
    """Return what a carrier's code means, in the current language; "" where that is not known."""
    return str(WORDS.get(code, ""))
