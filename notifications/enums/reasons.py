"""Why something was not delivered, and what staff can do about it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    """Why something was not delivered, or not yet: one code, one sentence for staff.

    Codes are added, never renamed: rows and reports hold them for years.
    """

    NONE = "", ""
    PREF_OFF = "pref_off", _("Patient turned this off for this type on %(date)s")
    DEFAULT_OFF = "default_off", _("Patient has not asked for this kind of message")
    PAUSED = "paused", _("Patient paused messages until %(date)s")
    QUIET_HOURS = "quiet_hours", _("Held until %(time)s (patient's quiet hours)")
    TEXT_HOURS = "text_hours", _("Held until %(time)s (no texts at this hour)")
    NO_ADDRESS = "no_address", _("No address on file for this channel")
    UNVERIFIED = "unverified", _("Mobile number not verified")
    NO_CONSENT = "no_consent", _("No consent to texts recorded")
    NO_DEVICE = "no_device", _("Push is not turned on anywhere")
    OPTED_OUT_STOP = "opted_out_stop", _("Replied STOP on %(date)s")
    CONFIDENTIAL = "confidential", _("Patient asked us not to use this address")
    BOUNCED_HARD = "bounced_hard", _("The address does not exist or does not work")
    SOFT_FAIL = "soft_fail", _("Not accepting messages now; trying again %(time)s")
    PROVIDER_ERROR = "provider_error", _("Our provider had a problem")
    ANSWER_UNKNOWN = "answer_unknown", _("Not known yet if it went; asking the provider")
    PUSH_GONE = "push_gone", _("Device no longer registered")
    ANSWER_UNSETTLED = "answer_unsettled", _("It may have gone; the provider cannot tell")
    NO_RECEIPT = "no_receipt", _("The provider took it and has said nothing since")
    CHANNEL_OFF = "channel_off", _("This channel is not set up or switched off")
    CHANNEL_PAUSED = "channel_paused", _("Our set-up with the provider is wrong since %(date)s")
    CHANNEL_RESTING = "channel_resting", _("The provider is not answering; next try %(time)s")
    ALL_HELD = "all_held", _("All messages are held since %(date)s")
    DEPARTED = "departed", _("No longer a patient here")
    DIGEST = "digest", _("Waits for the patient's summary on %(date)s at %(time)s")
    DUPLICATE = "duplicate", _("Same message already sent")
    MERGED = "merged", _("Part of another message")
    SUPERSEDED = "superseded", _("The next step took over")
    ANSWERED = "answered", _("Patient had already read or confirmed")
    EXPIRED = "expired", _("The time to act had passed")
    CANCELLED = "cancelled", _("Appointment was changed before sending")
    WITHDRAWN = "withdrawn", _("No longer needed, and taken back")
    RATE_LIMITED = "rate_limited", _("Enough texts for now already")
    PHI_BLOCKED = "phi_blocked", _("Text failed the privacy check")
    UNWRITABLE = "unwritable", _("The message could not be read or written")


NEXT_STEPS: dict[str, str] = {
    Reason.PREF_OFF: _("Shown in-app; see the patient's settings"),
    Reason.DEFAULT_OFF: _("Shown in-app; see the patient's settings"),
    Reason.PAUSED: _("Wait, or call"),
    Reason.QUIET_HOURS: _("It goes at the time shown"),
    Reason.TEXT_HOURS: _("It goes at the time shown"),
    Reason.NO_ADDRESS: _("Add an address"),
    Reason.UNVERIFIED: _("Send a code"),
    Reason.NO_CONSENT: _("Record consent"),
    Reason.NO_DEVICE: _("None (shown in-app)"),
    Reason.OPTED_OUT_STOP: _("Call; no override"),
    Reason.CONFIDENTIAL: _("Call the way the patient asked; no override"),
    Reason.BOUNCED_HARD: _("Fix the address"),
    Reason.SOFT_FAIL: _("Wait for the next try"),
    Reason.PROVIDER_ERROR: _("Retry, or use another channel"),
    Reason.ANSWER_UNKNOWN: _("Wait; a text is never sent again blindly"),
    Reason.ANSWER_UNSETTLED: _("Call, then mark it as dealt with"),
    Reason.NO_RECEIPT: _("Ask the patient if it arrived"),
    Reason.PUSH_GONE: _("None (shown in-app)"),
    Reason.CHANNEL_OFF: _("See the channel's settings"),
    Reason.CHANNEL_PAUSED: _("Tell whoever runs the system; it goes when they resume the channel"),
    Reason.CHANNEL_RESTING: _("None; it goes by itself"),
    Reason.ALL_HELD: _("It goes when sending is released"),
    Reason.DEPARTED: _("None; see the patient's record"),
    Reason.DIGEST: _("It goes at the time shown"),
    Reason.DUPLICATE: _("See the first message"),
    Reason.MERGED: _("See the other message"),
    Reason.SUPERSEDED: _("See the other channels"),
    Reason.ANSWERED: _("None"),
    Reason.EXPIRED: _("Call"),
    Reason.CANCELLED: _("See the new reminder"),
    Reason.WITHDRAWN: _("None"),
    Reason.RATE_LIMITED: _("E-mail, or override with a reason"),
    Reason.PHI_BLOCKED: _("Open the template"),
    Reason.UNWRITABLE: _("Call, and tell whoever runs the system"),
}
