"""Dental insurance: what stands on the card."""

from django.utils.translation import gettext_lazy as _

from portal.questionnaires._questions import Kind, Question, Questionnaire, Section

QUESTIONNAIRE = Questionnaire(
    key="insurance_details",
    title=_("Insurance details"),
    intro=_("Have your dental insurance card at hand. No insurance? Then only answer that."),
    sections=(
        Section(
            title=_("Your plan"),
            questions=(
                Question(
                    key="has_insurance",
                    label=_("Do you have dental insurance?"),
                    kind=Kind.YES_NO,
                    required=True,
                ),
                Question(key="company", label=_("Insurance company")),
                Question(key="plan", label=_("Name of the plan")),
                Question(key="member_id", label=_("Member ID"), max_length=60),
                Question(key="group_number", label=_("Group number"), max_length=60),
                Question(
                    key="company_phone",
                    label=_("Phone number on the card"),
                    kind=Kind.PHONE,
                    hint=_("Most often on the back."),
                    max_length=40,
                ),
            ),
        ),
        Section(
            title=_("Whose insurance it is"),
            questions=(
                Question(
                    key="holder",
                    label=_("Who is insured?"),
                    kind=Kind.CHOICE,
                    choices=(
                        ("self", _("I am")),
                        ("partner", _("My husband, wife or partner")),
                        ("parent", _("My parent")),
                        ("other", _("Somebody else")),
                    ),
                ),
                Question(
                    key="holder_name",
                    label=_("Their name"),
                    hint=_("As it is on the card. Not needed if it is you."),
                ),
                Question(key="holder_birth_date", label=_("Their date of birth"), kind=Kind.DATE),
                Question(
                    key="employer",
                    label=_("Employer the plan comes from"),
                ),
            ),
        ),
        Section(
            title=_("Before you send it"),
            questions=(
                Question(
                    key="second_plan",
                    label=_("Is there a second plan?"),
                    kind=Kind.LONG_TEXT,
                    hint=_("Its company, member ID and group number."),
                    max_length=1000,
                ),
                Question(
                    key="is_true",
                    label=_("I confirm that this is true, as far as I know."),
                    kind=Kind.TICK,
                    required=True,
                ),
            ),
        ),
    ),
)
