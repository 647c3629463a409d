"""The settings of the site that browsers visit in tests: the project's own, and three things more.

A language for tests (mirrored.py), pages that only an accident shows, and cheap passwords: what
Argon2 costs at each sign-in is not what these tests ask about.
"""

import os

from dentamind.settings import *  # noqa: F403 - all of it, and below what differs
from dentamind.settings import LANGUAGES, LOCALE_PATHS
from tests.rig import mirrored

LANGUAGES = [*LANGUAGES, (mirrored.CODE, "Mirrored")]
LOCALE_PATHS = [os.environ["DENTAMIND_MIRRORED"], *LOCALE_PATHS]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "tests.rig.browser_urls"
