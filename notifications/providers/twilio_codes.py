"""What Twilio's error codes mean for us, as data: https://www.twilio.com/docs/api/errors

One table serves both what a request is answered with and what a status callback says later.
"""

from datetime import timedelta

from notifications.enums import ContactEffect, ErrorKind
from notifications.types import Meaning

HOUR = timedelta(hours=1)

OPTED_OUT = Meaning(kind=ErrorKind.PERMANENT, contact=ContactEffect.OPTED_OUT)
BAD_NUMBER = Meaning(kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE)
REFUSED = Meaning(kind=ErrorKind.PERMANENT)
SET_UP = Meaning(kind=ErrorKind.CONFIGURATION)
BUSY = Meaning(kind=ErrorKind.THROTTLED)
TOMORROW = Meaning(kind=ErrorKind.THROTTLED, retry_after=HOUR)  # a day's limit: look each hour
# A code nobody has classed yet: worth another try or two, and a look from whoever runs this.
UNKNOWN = Meaning(kind=ErrorKind.TRANSIENT, max_tries=3)

CODES: dict[str, Meaning] = {
    # The patient said STOP to this sender: Twilio sends nothing until they say START.
    "21610": OPTED_OUT,
    # The number cannot get texts.
    "21211": BAD_NUMBER,  # not a number
    "21217": BAD_NUMBER,  # does not appear to be valid
    "21614": BAD_NUMBER,  # not a mobile number
    "21635": BAD_NUMBER,  # a landline
    "30004": BAD_NUMBER,  # blocked: the handset or its carrier takes no texts
    "30005": BAD_NUMBER,  # unknown or no longer in service
    "30006": BAD_NUMBER,  # a landline, or a carrier that cannot be reached
    # This text to this number, and not the number itself.
    "21602": REFUSED,  # no body
    "21408": REFUSED,  # texts to this number's country are not switched on
    "21608": REFUSED,  # a trial account, and a number that it has not verified
    "21612": REFUSED,  # no way from this sender to this number
    "21617": REFUSED,  # a body of more than 1600 letters
    "30036": REFUSED,  # its time ran out in Twilio's queue: too late is too late
    # Somebody has to look at the account: another try would end the same.
    "20003": SET_UP,  # wrong credentials
    "20005": SET_UP,  # the account is not active
    "20404": SET_UP,  # no such account
    "21212": SET_UP,  # the sender is not a number
    "21603": SET_UP,  # no sender
    "21606": SET_UP,  # the sender is not ours, or cannot send texts
    "21609": SET_UP,  # a StatusCallback that cannot be called
    "21659": SET_UP,  # the sender is no number of Twilio's
    "21660": SET_UP,  # the sender belongs to another account
    "21701": SET_UP,  # no such messaging service
    "21703": SET_UP,  # the messaging service has no number for this text
    "21704": SET_UP,  # the messaging service has no numbers
    "21705": SET_UP,  # not a messaging service
    "30002": SET_UP,  # the account is suspended
    "30007": SET_UP,  # filtered as spam by a carrier: saying it again makes it worse
    "30029": SET_UP,  # ContentRetention without redaction being enabled
    "30030": SET_UP,  # AddressRetention without redaction being enabled
    "30032": SET_UP,  # a toll-free number that is not verified
    "30034": SET_UP,  # a number that is in no A2P 10DLC campaign
    "90007": SET_UP,  # a ValidityPeriod out of range
    # Later. Twilio says that a request answered with 429 was never processed.
    "20429": BUSY,
    "21611": BUSY,  # the sender's queue is full
    "30001": BUSY,  # the queue overflowed
    "30022": BUSY,  # faster than the campaign may
    "30023": TOMORROW,  # the day's texts for this brand are used up (A2P 10DLC)
    "63038": TOMORROW,  # the day's texts of this account are used up
    "30410": Meaning(kind=ErrorKind.TRANSIENT, max_tries=2),  # a carrier did not answer
    "30003": Meaning(  # switched off: once more an hour later, then it is not in use
        kind=ErrorKind.TRANSIENT,
        retry_after=HOUR,
        max_tries=2,
        at_last=ContactEffect.NEEDS_UPDATE,
    ),
    "30008": Meaning(kind=ErrorKind.TRANSIENT, max_tries=2),  # no reason given
}
# An answer without a code of Twilio's own, such as a gateway's.
STATUSES: dict[int, Meaning] = {400: REFUSED, 401: SET_UP, 403: SET_UP, 404: SET_UP, 429: BUSY}


def meaning_of(code: str, *, status: int = 0) -> Meaning:
    """Return what a code means; of one that is not in the table, what its HTTP status means."""
    return CODES.get(code) or (STATUSES.get(status, UNKNOWN) if not code else UNKNOWN)
