"""The forms of the pages: signing in, addresses, settings, language and clock."""

from datetime import datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import clock
from notifications.enums import Digest
from notifications.preferences import DEFAULTS, GeneralSettings
from notifications.types import Refused
from portal.models import Languages, User
from portal.services.wishes import LONGEST_NOTE

ZONES = {
    "America/New_York": gettext_lazy("Eastern"),
    "America/Chicago": gettext_lazy("Central"),
    "America/Denver": gettext_lazy("Mountain"),
    "America/Phoenix": gettext_lazy("Arizona"),
    "America/Los_Angeles": gettext_lazy("Pacific"),
    "America/Anchorage": gettext_lazy("Alaska"),
    "Pacific/Honolulu": gettext_lazy("Hawaii"),
    "America/Puerto_Rico": gettext_lazy("Puerto Rico"),
}


class SignInForm(AuthenticationForm):
    """Django's own sign-in, worded for people who sign in by e-mail."""

    error_messages = {
        "invalid_login": gettext_lazy("This email and password do not match. Try again."),
        "inactive": gettext_lazy("This account is closed. Please call us."),
    }

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Email")
        self.fields["username"].widget.attrs |= {"inputmode": "email", "spellcheck": "false"}
        if self.errors:
            described = {"aria-invalid": "true", "aria-describedby": "why"}
            for field in self.fields.values():
                field.widget.attrs |= described


class EmailForm(forms.Form):
    value = forms.CharField(
        label=gettext_lazy("Email address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


class PhoneForm(forms.Form):
    value = forms.CharField(
        label=gettext_lazy("Mobile number"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel", "autofocus": True}
        ),
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("6-digit code"),
        max_length=12,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )


class MoveForm(forms.Form):
    """What a patient says to a visit they want moved. Too long, it stays to be shortened."""

    note = forms.CharField(
        label=gettext_lazy("Which days and times suit you?"),
        help_text=gettext_lazy("You may leave this empty. For example: Tuesdays after 3 PM."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "input"}),
    )

    def clean_note(self) -> str:
        note = self.cleaned_data["note"].replace("\r\n", "\n")
        if len(note) > LONGEST_NOTE:
            self.fields["note"].widget.attrs |= {"autofocus": True, "data-dm-focus": True}
            raise forms.ValidationError(_("Please write 500 characters or less."))
        return note


class BillQuestionForm(MoveForm):
    """What a patient asks about a bill, if they write it."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].label = _("What would you like to know?")
        self.fields["note"].help_text = _("You may leave this empty.")


class LanguageAndZoneForm(forms.ModelForm):
    """Languages in their own names; zones with the time it is there now."""

    class Meta:
        model = User
        fields = ["language", "zone"]
        labels = {"language": gettext_lazy("Language"), "zone": gettext_lazy("Time zone")}

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"] = forms.ChoiceField(label=_("Language"), choices=Languages.choices)
        self.fields["zone"].widget = forms.Select(choices=zone_choices(self.instance.zone))


class OwnForm(forms.Form):
    """A part of the settings with a button of its own; the first field that is wrong is pointed at.

    What a service refuses is put beside the field it names.
    """

    def refuse(self, refused: Refused) -> None:
        self.add_error(refused.field if refused.field in self.fields else None, refused.message)

    @property
    def complaint(self) -> str:
        """Return the first thing that is wrong; empty: nothing is."""
        return next((said for all_said in self.errors.values() for said in all_said), "")

    def point(self) -> Self:
        """Return the form with the cursor in the first field that is wrong."""
        wrong = next((name for name in self.fields if name in self.errors), None)
        if wrong:
            self.fields[wrong].widget.attrs["autofocus"] = True
        return self


class PauseForm(OwnForm):
    """Send nothing for a day, for a week, or until a day begins on the current clock."""

    LENGTHS = {"day": timedelta(days=1), "week": timedelta(days=7)}

    paused_until = forms.DateField(
        label=gettext_lazy("Pause until this day"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages=dict.fromkeys(("required", "invalid"), gettext_lazy("Choose a day.")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.length = self.LENGTHS.get(self.data.get("length", ""))
        self.fields["paused_until"].required = self.length is None
        tomorrow = timezone.localdate(clock.now()) + timedelta(days=1)
        self.fields["paused_until"].widget.attrs["min"] = tomorrow.isoformat()

    def changes(self) -> dict[str, Any]:
        """Return when the pause ends, as `change_settings` takes it."""
        if self.length:
            return {"paused_until": clock.now() + self.length}
        day = self.cleaned_data["paused_until"]
        return {"paused_until": timezone.make_aware(datetime.combine(day, time(0)))}


def _hour(label: Promise) -> forms.TimeField:
    return forms.TimeField(
        label=label,
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": gettext_lazy("Write a time, such as 9:00 PM.")},
    )


class QuietForm(OwnForm):
    """Quiet hours: on or off, from, until. Off, the times do not matter."""

    HOURS = ("quiet_from", "quiet_until")

    is_on = forms.BooleanField(label=gettext_lazy("Keep quiet hours"), required=False)
    quiet_from = _hour(gettext_lazy("From"))
    quiet_until = _hour(gettext_lazy("To"))

    @classmethod
    def showing(cls, chosen: GeneralSettings) -> Self:
        """Return the form with what a patient chose; with the usual hours where there are none."""
        shown = chosen if chosen.quiet_from else DEFAULTS
        hours = {"quiet_from": shown.quiet_from, "quiet_until": shown.quiet_until}
        return cls(initial={"is_on": chosen.quiet_from is not None, **hours})

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.get("is_on"):
            self.errors.clear()
            return self.cleaned_data
        missing = [name for name in self.HOURS if self.cleaned_data.get(name, "") is None]
        for name in missing:
            self.add_error(name, self.fields[name].error_messages["invalid"])
        return self.cleaned_data

    def changes(self) -> dict[str, Any]:
        """Return both ends, as `change_settings` takes them: None where off."""
        said = self.cleaned_data if self.cleaned_data["is_on"] else {}
        return {name: said.get(name) for name in self.HOURS}


class SummaryForm(OwnForm):
    digest = forms.ChoiceField(
        label=gettext_lazy("Emails that are not pressing"),
        required=False,
        choices=Digest.choices,
        error_messages={
            "invalid_choice": gettext_lazy("Choose one of the summaries from the list.")
        },
    )

    def changes(self) -> dict[str, Any]:
        return self.cleaned_data


def zone_choices(current: str = "") -> list[tuple[str, str]]:
    """Return (zone, "Eastern, now 2:05 PM"): those near us, the current one, then the rest."""
    near = [(zone, _named(zone, str(label))) for zone, label in ZONES.items()]
    if current and current not in ZONES:
        near.insert(0, (current, _named(current, _city(current))))
    rest = sorted(zone for zone in available_timezones() if "/" in zone and zone[0].isupper())
    others = [(zone, _city(zone)) for zone in rest if zone not in ZONES and _is_place(zone)]
    return [("", _practices(current)), *near, (_("Other places"), others)]


def _practices(current: str) -> str:
    """Return what having no zone of one's own means; with the time, for whom it is so now."""
    if current:
        return _("The practice's time zone")
    zone = str(timezone.get_current_timezone())
    named = _named(zone, str(ZONES.get(zone, _city(zone))))
    return _("%(zone)s (as at the practice)") % {"zone": named}


def _named(zone: str, label: str) -> str:
    now = timezone.localtime(clock.now(), ZoneInfo(zone)).replace(tzinfo=None)
    return _("%(zone)s, now %(time)s") % {"zone": label, "time": date_format(now, _("g:i A"))}


def _city(zone: str) -> str:
    return zone.replace("_", " ")


def _is_place(zone: str) -> bool:
    return not zone.startswith(("Etc/", "SystemV/", "posix/", "right/", "US/"))
