"""Who may act for a patient because a file says so, and who may not.

A parent may act for a child, a guardian or a holder of a power of attorney for anyone. An
emergency contact, a neighbour or an adult's mother may not: access to somebody's messages is
never guessed (45 CFR 164.502(g)).
"""

from datetime import date

from portal.importers.records import PersonRecord

OF_A_CHILD = ("mother", "father", "parent", "stepparent", "foster parent", "grandparent")
OF_ANYONE = ("guardian", "power of attorney")
RELATIONS = (*OF_A_CHILD, *OF_ANYONE)

# HL7 v3 RoleCode, as FHIR's RelatedPerson.relationship carries it. Stepparents, foster parents and
# grandparents are left out: there the code says kinship, and in the CSV the practice says guardian.
FHIR_RELATIONS = {
    "MTH": "mother",
    "NMTH": "mother",
    "NMTHF": "mother",
    "ADOPTM": "mother",
    "GESTM": "mother",
    "FTH": "father",
    "NFTH": "father",
    "NFTHF": "father",
    "ADOPTF": "father",
    "PRN": "parent",
    "NPRN": "parent",
    "ADOPTP": "parent",
    "GUARD": "guardian",
    "GUADLTM": "guardian",
    "POWATT": "power of attorney",
    "HPOWATT": "power of attorney",
    "DPOWATT": "power of attorney",
}


def may_act(*, relation: str, patient: PersonRecord, today: date) -> bool:
    """Return whether this relation lets somebody read and answer this patient's messages."""
    return relation in OF_ANYONE or (relation in OF_A_CHILD and patient.is_minor(today))
