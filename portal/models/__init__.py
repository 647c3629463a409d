"""The clinic: who is seen where, when, by whom, and who may act for whom."""

from portal.models.imported import ExternalId
from portal.models.paperwork import PatientForm, Statement
from portal.models.people import Departure, Guardianship, Languages, PortalUserManager, User
from portal.models.places import ClosedDay, Location, Practice, Provider
from portal.models.recalls import PlannedTreatment, RecallSchedule
from portal.models.visits import Appointment, ReminderRule
from portal.models.waiting import Opening, WaitingListEntry
from portal.models.zones import STATES, validate_state, validate_zone

__all__ = [
    "STATES",
    "validate_state",
    "Appointment",
    "ClosedDay",
    "Departure",
    "ExternalId",
    "Guardianship",
    "Languages",
    "Location",
    "Opening",
    "PatientForm",
    "PlannedTreatment",
    "PortalUserManager",
    "Practice",
    "Provider",
    "RecallSchedule",
    "ReminderRule",
    "Statement",
    "User",
    "WaitingListEntry",
    "validate_zone",
]
