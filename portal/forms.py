"""The forms of the pages: signing in, addresses, language and clock."""

from dataclasses import asdict
from datetime import datetime, time
from typing import Any, Self
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import clock
from notifications.enums import Digest
from notifications.preferences import GeneralSettings
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
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class PhoneForm(forms.Form):
    value = forms.CharField(
        label=gettext_lazy("Mobile number"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel"}),
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


class GeneralForm(forms.Form):
    """What holds for all types: a pause, quiet hours, a summary. Empty: none."""

    paused_until = forms.DateField(
        label=gettext_lazy("Pause messages until"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    quiet_from = forms.TimeField(
        label=gettext_lazy("Quiet from"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    quiet_until = forms.TimeField(
        label=gettext_lazy("Quiet until"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    digest = forms.ChoiceField(
        label=gettext_lazy("Emails that are not pressing"), required=False, choices=Digest.choices
    )

    @classmethod
    def showing(cls, chosen: GeneralSettings) -> Self:
        """Return the form with what a patient chose; a pause that is over is not shown."""
        until = chosen.paused_until
        is_paused = until is not None and until > clock.now()
        day = timezone.localdate(until) if is_paused else None
        return cls(initial=asdict(chosen) | {"paused_until": day})

    def changes(self) -> dict[str, Any]:
        """Return what was chosen; a pause ends when its day begins on the current clock."""
        day = self.cleaned_data["paused_until"]
        until = timezone.make_aware(datetime.combine(day, time(0))) if day else None
        return self.cleaned_data | {"paused_until": until}


def zone_choices(current: str = "") -> list[tuple[str, str]]:
    """Return (zone, "Eastern, now 2:05 PM"): those near us, the current one, then the rest."""
    near = [(zone, _named(zone, str(label))) for zone, label in ZONES.items()]
    if current and current not in ZONES:
        near.insert(0, (current, _named(current, _city(current))))
    rest = sorted(zone for zone in available_timezones() if "/" in zone and zone[0].isupper())
    others = [(zone, _city(zone)) for zone in rest if zone not in ZONES and _is_place(zone)]
    return [("", _("The practice's time zone")), *near, (_("Other places"), others)]


def _named(zone: str, label: str) -> str:
    now = timezone.localtime(clock.now(), ZoneInfo(zone)).replace(tzinfo=None)
    return _("%(zone)s, now %(time)s") % {"zone": label, "time": date_format(now, _("g:i A"))}


def _city(zone: str) -> str:
    return zone.replace("_", " ")


def _is_place(zone: str) -> bool:
    return not zone.startswith(("Etc/", "SystemV/", "posix/", "right/", "US/"))
