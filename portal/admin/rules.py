"""What a location sends about a visit, and when nobody is there: saved through the services."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from portal.admin.dry_runs import Foreseeing
from portal.admin.replanning import Replanning
from portal.models import ClosedDay, ReminderRule
from portal.services.rule_words import sentence_of
from portal.services.rules import problems_with


class RuleForm(forms.ModelForm):
    """A rule that would do nothing, or do harm, is refused where that shows."""

    class Meta:
        model = ReminderRule
        fields = (
            "location",
            "name",
            "what",
            "minutes_before",
            "minutes_after",
            "audience",
            "until",
            "ladder",
            "is_active",
        )
        help_texts = {
            "minutes_before": _("Before it starts: 120 is two hours, 1440 a day, 10080 a week."),
            "minutes_after": _("After it ends, for what is sent afterwards."),
            "ladder": _("Only for what asks for an answer."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            rule = ReminderRule(pk=self.instance.pk, **cleaned)
            for problem in problems_with(rule):
                self.add_error(problem.field, problem.message)
        return cleaned


@admin.register(ReminderRule)
class ReminderRuleAdmin(Foreseeing, Replanning):
    form = RuleForm
    autocomplete_fields = ("location",)
    list_display = ("name", "location", "what", "says", "is_active")
    list_filter = ("location", "what", "is_active")
    list_select_related = ("location",)
    ordering = ("location__name", F("minutes_after").asc(nulls_first=True), "-minutes_before")
    search_fields = ("name",)

    @admin.display(description=_("says"))
    def says(self, rule: ReminderRule) -> str:
        return sentence_of(rule)


@admin.register(ClosedDay)
class ClosedDayAdmin(Replanning):
    autocomplete_fields = ("location",)
    list_display = ("on", "name", "place")
    list_filter = ("location",)
    list_select_related = ("location",)
    ordering = ("-on",)
    search_fields = ("name",)

    @admin.display(description=_("location"))
    def place(self, day: ClosedDay) -> str:
        return day.location.name if day.location else str(_("Everywhere"))
