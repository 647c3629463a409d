"""The health history: what a dentist must know before anything is done."""

from django.utils.translation import gettext_lazy as _

from portal.questionnaires._questions import NONE, Kind, Question, Questionnaire, Section

QUESTIONNAIRE = Questionnaire(
    key="health_history",
    title=_("Health history"),
    intro=_(
        "Your health and your medicines change what is safe at the dentist. "
        "Only people here who need to know can read your answers."
    ),
    sections=(
        Section(
            title=_("Allergies and medicines"),
            questions=(
                Question(
                    key="allergies",
                    label=_("Are you allergic to any of these?"),
                    kind=Kind.SEVERAL,
                    required=True,
                    choices=(
                        ("penicillin", _("Penicillin or other antibiotics")),
                        ("pain_relief", _("Aspirin, ibuprofen or other pain relief")),
                        ("numbing", _("Shots that numb your mouth")),
                        ("latex", _("Latex (rubber gloves)")),
                        ("metal", _("Metals, such as nickel")),
                        (NONE, _("None of these")),
                    ),
                ),
                Question(
                    key="other_allergies",
                    label=_("Any other allergy?"),
                    hint=_("Say also what happens to you, such as a rash."),
                ),
                Question(
                    key="medicines",
                    label=_("Which medicines do you take?"),
                    kind=Kind.LONG_TEXT,
                    required=True,
                    hint=_("Vitamins and herbs too. If you take none, write “none”."),
                    max_length=2000,
                ),
                Question(
                    key="blood_thinners",
                    label=_("Do you take a blood thinner?"),
                    kind=Kind.YES_NO,
                    required=True,
                    hint=_("Such as warfarin, apixaban, clopidogrel, or aspirin every day."),
                ),
                Question(
                    key="bone_medicine",
                    label=_("Have you ever taken medicine for weak bones?"),
                    kind=Kind.YES_NO,
                    hint=_("Such as alendronate, or a shot twice a year."),
                ),
            ),
        ),
        Section(
            title=_("Your health"),
            questions=(
                Question(
                    key="conditions",
                    label=_("Do you have, or did you have, any of these?"),
                    kind=Kind.SEVERAL,
                    required=True,
                    choices=(
                        ("heart", _("Heart trouble or heart surgery")),
                        ("blood_pressure", _("High blood pressure")),
                        ("stroke", _("A stroke")),
                        ("diabetes", _("Diabetes")),
                        ("lungs", _("Asthma or other lung trouble")),
                        ("liver", _("Hepatitis or other liver trouble")),
                        ("kidneys", _("Kidney trouble")),
                        ("seizures", _("Seizures")),
                        ("bleeding", _("Bleeding that is hard to stop")),
                        ("cancer", _("Cancer")),
                        ("immune", _("A weak immune system")),
                        (NONE, _("None of these")),
                    ),
                ),
                Question(
                    key="joint_replacement",
                    label=_("Do you have an artificial joint or heart valve?"),
                    kind=Kind.YES_NO,
                    required=True,
                    hint=_("Such as a new hip or knee."),
                ),
                Question(
                    key="pregnancy",
                    label=_("Are you pregnant, or could you be?"),
                    kind=Kind.CHOICE,
                    required=True,
                    choices=(
                        ("yes", _("Yes")),
                        ("no", _("No")),
                        ("unsure", _("I am not sure")),
                        ("not_asked", _("This does not apply to me")),
                    ),
                ),
                Question(
                    key="smoking",
                    label=_("Do you smoke or vape?"),
                    kind=Kind.CHOICE,
                    required=True,
                    choices=(
                        ("never", _("Never")),
                        ("before", _("Not any more")),
                        ("sometimes", _("Sometimes")),
                        ("daily", _("Every day")),
                    ),
                ),
                Question(
                    key="last_physician_visit",
                    label=_("When did you last see a doctor?"),
                    kind=Kind.DATE,
                    hint=_("Not a dentist. If you are not sure of the day, come close."),
                ),
                Question(
                    key="anything_else",
                    label=_("Anything else we should know?"),
                    kind=Kind.LONG_TEXT,
                    hint=_("Surgery, fears, what went wrong before."),
                    max_length=2000,
                ),
            ),
        ),
        Section(
            title=_("In an emergency"),
            questions=(
                Question(
                    key="emergency_name",
                    label=_("Whom should we call?"),
                    required=True,
                    hint=_("First and last name, and who they are to you."),
                ),
                Question(
                    key="emergency_phone",
                    label=_("Their phone number"),
                    kind=Kind.PHONE,
                    required=True,
                    max_length=40,
                ),
            ),
        ),
        Section(
            title=_("Before you send it"),
            questions=(
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
