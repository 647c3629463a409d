"""The names of the demo: all invented. The numbers 555-0100 to 555-0199 belong to nobody."""

PRACTICE = {
    "name": "Main Street Dental",
    "public_name": "Main Street Dental",
    "phone": "(212) 555-0100",
    "postal_address": "12 Main Street, New York, NY 10001",
    "zone": "America/New_York",
}
LOCATIONS = (
    {
        "name": "Main Street",
        "phone": "(212) 555-0100",
        "address": "12 Main Street, New York",
        "zone": "America/New_York",
        "state": "NY",
    },
    {
        "name": "Union Square",
        "phone": "(303) 555-0180",
        "address": "80 Union Square, Denver",
        "zone": "America/Denver",
        "state": "CO",
    },
)
# The second place asks channel by channel, four days ahead, and calls who does not answer.
PLEASE_CONFIRM = {
    "name": "please-confirm",
    "what": "confirm",
    "minutes_before": 4 * 24 * 60,
    "until": "confirmed",
    "ladder": "standard",
}
# Who works where: the number is the location's.
PROVIDERS = (
    ("Dr. Grace Lee", 0),
    ("Dr. Omar Haddad", 0),
    ("Dr. Elena Novak", 1),
    ("Dr. Samuel Okafor", 1),
    ("Maya Torres, RDH", 0),
    ("Jonas Berg, RDH", 1),
)
REASONS = (
    ("Check-up and cleaning", 60),
    ("Check-up", 30),
    ("Filling, upper left", 60),
    ("Crown fitting", 90),
    ("Root canal, second visit", 90),
    ("Gum care", 60),
    ("Night guard fitting", 30),
)
HYGIENE = ("Check-up and cleaning", "Gum care")  # what the hygienists do
RESULTS = (
    ("X-ray of the lower jaw", "Nothing has changed since last year."),
    ("Gum measurement", "Better than in spring. Keep using the small brushes."),
    ("Bite scan", "We would like to talk about a night guard at your next visit."),
)
NOTES = (
    "It was good to see you. Please rinse with salt water for two days.",
    "Your new crown has arrived. We will fit it at your next visit.",
    "Please bring the list of your medicines to your next visit.",
)
ENGLISH = (
    "Aaron Whitfield",
    "Beth Kowalski",
    "Carl Jennings",
    "Diane Abbott-Reyes",
    "Derek Stone",
    "Ebony Marsh",
    "Frank Delaney",
    "Gina Castellano",
    "Harold Finch",
    "Irene Sokolov",
    "Jamal Peters",
    "Karen Lindqvist",
    "Leo Marchetti",
    "Mona Farouk",
    "Nadia Rahman",
    "Oscar Bell",
    "Priya Raman",
    "Quentin Ames",
    "Rosa Delgado",
    "Stuart Pemberton",
    "Tamara Olsen",
    "Umar Siddiq",
    "Vera Koch",
    "Wendell Price",
    "Yvonne Tremblay",
    "Zack Morrow",
    "Alma Bishop",
    "Boris Petrov",
    "Celia Grant",
    "Dominic Shaw",
    "Edith Crane",
    "Fiona Mackay",
)
SPANISH = (
    "Luis Ortega",
    "Carmen Salazar",
    "Javier Montoya",
    "Elena Paredes",
    "Hugo Quintana",
    "Pilar Cordero",
)
# Addresses at which the outbox's carrier reports trouble: see docs/rehearsing.md.
TROUBLE = {
    "jamal.peters@example.com": {"email": "bounce+jamal.peters@example.com"},
    "leo.marchetti@example.com": {"phone": "(212) 555-0198"},
    "rosa.delgado@example.com": {"phone": "(212) 555-0199"},
}
# One number for three people of different ages.
HOUSEHOLD = ("Peter Walsh", "Nora Walsh", "Tim Walsh")
CHILDREN = (("Lucas", "2016-05-14"), ("Sofia", "2019-09-02"))

# What Ana answered about her insurance.
INSURANCE = {
    "has_insurance": "yes",
    "company": "Example Dental Plans",
    "plan": "Family Plus",
    "member_id": "EX-0000-1234",
    "holder": "self",
    "employer": "Example Books",
    "is_true": "yes",
}
