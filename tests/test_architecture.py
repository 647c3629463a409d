"""The house's law, read from the source: what may import what, and who may touch the outside.

When one of these fails, the design is to be mended, not the test.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
OURS = ("notifications", "portal", "dentamind", "carriers")

# A room imports only from lines above its own. Rooms on one line do not import each other, save
# the last, which may import the others.
ENGINE = [
    "clock windows",
    "registry crypto",
    "enums",
    "calendar segments text_hours types",
    "allowance hours",
    "privacy policy",
    "models",
    "audit heartbeats realtime rendering",
    "calls",
    "switches",
    "watermark",
    "providers",
    "channels",
    "consent",  # a stop, in contacts, takes it back
    "contacts told",
    "preferences",
    "facts",
    "households candidates",
    "inbox history delivery",
    "plans",
    "creation",
    "previews",
    "services",
    "incoming",
    "reconciler",
    "promotion",
    "foresight",
    "scheduler",
    "holding queue",
    "api",  # above the others, because a socket's frames have the API's shapes
    "consumers webhooks admin checks health outbox_views sign_ins templatetags",
    "watchman",
    "apps management",
]
CLINIC = ["models", "questionnaires", "access", "notification_types", "services", "importers"]
PAGES = [
    "views",
    "forms",
    "questionnaire_forms",
    "urls",
    "admin",
    "management",
    "middleware",
    "templatetags",
    "apps",
]
# Providers know the time, enums and types; the outbox stands in for a carrier and has a table.
PROVIDERS_MAY_OPEN = {"enums", "types", "clock"}
OUTBOX_MAY_OPEN = {"enums", "types", "crypto", "clock"}
PORTAL_MAY_OPEN = {
    "services",
    "scheduler",
    "calls",  # what a person is to do
    "plans",  # many at once, for the book's own calendar
    "preferences",
    "contacts",
    "consent",
    "types",
    "enums",
    "calendar",  # a visit as a file to keep
    "clock",  # the time for planning
    "audit",  # who changed the book
    "crypto",  # the sealed columns of its own models
    "templatetags",  # the filters that write moments in words
}
# The simulated month looks into the engine's own books, and speaks as the carriers do.
SIMULATION_MAY_OPEN = PORTAL_MAY_OPEN | {"models", "incoming"}
LONGEST_FUNCTION = 40
LONGEST_FILE = 300  # aim at 100, worry at 250
LONGER_FILES = {
    "dentamind/settings.py": 340,
    "dentamind/bootstrap.py": 350,  # one script that runs before anything is installed
}
READS_ENVIRONMENT = {
    "dentamind/settings.py",
    "dentamind/bootstrap.py",  # runs pip before there are settings
    "dentamind/supervisor.py",  # hands its own environment on to its children
    "portal/management/commands/simulate.py",  # the same, with a database of its own
}
NAMES_SETTINGS = {"manage.py", "dentamind/asgi.py"}  # os.environ.setdefault, as Django wants it
NETWORK = {
    "aiohttp",
    "anymail",
    "boto3",
    "botocore",
    "django.core.mail",
    "ftplib",
    "http.client",
    "httpx",
    "pywebpush",
    "requests",
    "smtplib",
    "socket",
    "twilio",
    "urllib.request",
    "urllib3",
    "websockets",
}
CHANNEL_LAYER = ("channel_layer", "get_channel_layer", "group_send", "group_add")
# The supervisor asks /readyz on this machine and looks for a free port; systemd has a socket here.
LOCAL_NETWORK = {
    "dentamind/children.py",
    "dentamind/supervisor.py",
    "dentamind/preflight.py",
    "notifications/watchman.py",
}
BANNED_MODULES = {"tasks", "signals", "utils", "helpers"}
SIGNALS_OF_LIBRARIES = {"django.contrib.auth.signals", "axes.signals", "anymail.signals"}
SIGNALS_WITH_A_REASON = {
    "notifications/queue.py": {
        "django.db.models.signals.post_migrate",
        "django_q.signals.pre_enqueue",
        "django_q.signals.pre_execute",
    },
}
# Rows get their time from the model, keys and leases from the wall; all else asks clock.now().
KNOWS_REAL_TIME = {
    "notifications/clock.py",
    "notifications/models/calls.py",
    "notifications/models/choices.py",
    "notifications/models/inbox.py",
    "notifications/models/incoming.py",
    "notifications/models/sending.py",
    "notifications/models/trail.py",
    "notifications/crypto/keys.py",
    "notifications/providers/outbox.py",
    "portal/models/imported.py",
    "portal/models/paperwork.py",
    "portal/models/people.py",
    "portal/models/recalls.py",
    "portal/models/visits.py",
    "portal/models/waiting.py",
}


# -- reading the source -------------------------------------------------------------------------


@cache
def sources() -> dict[str, ast.Module]:
    """Every module of ours by its path, parsed; migrations left out."""
    files = [path for name in OURS for path in sorted((ROOT / name).rglob("*.py"))]
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in [*files, ROOT / "manage.py"]
        if "migrations" not in path.parts
    }


def room_of(path: str) -> str:
    """`notifications/delivery/claim.py` is in the room `delivery`."""
    parts = Path(path).parts
    return parts[1].removesuffix(".py") if len(parts) > 1 else ""


@cache
def imports_of(path: str) -> frozenset[str]:
    """The dotted names a file imports, those inside functions included."""
    names: set[str] = set()
    for node in ast.walk(sources()[path]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the whole name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def opened(path: str, *, app: str) -> set[str]:
    """The rooms of an app that a file imports from, its own left out."""
    rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith(f"{app}.")}
    return rooms - ({room_of(path)} if path.startswith(f"{app}/") else set())


def strings(path: str) -> Iterator[str]:
    for node in ast.walk(sources()[path]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def uses(path: str, *, name: str) -> bool:
    """Whether a file mentions a name, bare or as an attribute or import."""
    for node in ast.walk(sources()[path]):
        if isinstance(node, ast.Name) and node.id == name:
            return True
        if isinstance(node, ast.Attribute) and node.attr == name:
            return True
    return any(imported.split(".")[-1] == name for imported in imports_of(path))


def files(*folders: str) -> list[str]:
    return [
        path for path in sources() if path.startswith(tuple(f"{folder}/" for folder in folders))
    ]


# -- imports go down ----------------------------------------------------------------------------


def may_open(room: str) -> set[str]:
    """The rooms of the engine that one of its rooms may import from."""
    allowed: set[str] = set()
    for line in ENGINE:
        rooms = line.split()
        if room in rooms:
            return allowed | (set(rooms) - {room} if room == rooms[-1] else set())
        allowed |= set(rooms)
    raise AssertionError(f"notifications/{room} has no place in the order: give it one")


def test_the_engine_imports_only_from_above():
    for path in files("notifications"):
        if room_of(path) != "__init__":
            wrong = opened(path, app="notifications") - may_open(room_of(path))
            assert not wrong, f"{path} may not import {wrong}"


def test_the_engine_knows_neither_the_clinic_nor_the_roof():
    for path in files("notifications"):
        wrong = opened(path, app="portal") | opened(path, app="dentamind")
        assert not wrong, f"{path} may not import {wrong}"


def test_providers_know_only_what_crosses_the_seam():
    for path in files("notifications/providers"):
        allowed = OUTBOX_MAY_OPEN if path.endswith("outbox.py") else PROVIDERS_MAY_OPEN
        wrong = opened(path, app="notifications") - allowed
        assert not wrong, f"{path} may not import {wrong}"


def test_the_stand_ins_for_carriers_know_nothing_of_ours():
    for path in files("carriers"):
        known = {name.split(".")[0] for name in imports_of(path)} - {"carriers"}
        assert not known & {*OURS, "django", "tests"}, path


def test_only_the_outbox_knows_the_stand_ins_and_of_them_only_the_magic_recipients():
    for path in files(*OURS):
        opens = opened(path, app="carriers")
        is_outbox = path.startswith("notifications/providers/outbox")
        if not path.startswith("carriers/"):
            assert opens <= ({"magic"} if is_outbox else set()), path


def test_the_clinic_opens_only_the_engines_doors():
    for path in files("portal"):
        simulates = path.startswith("portal/management/simulation/")
        allowed = SIMULATION_MAY_OPEN if simulates else PORTAL_MAY_OPEN
        wrong = opened(path, app="notifications") - allowed | opened(path, app="dentamind")
        assert not wrong, f"{path} may not import {wrong}"


def test_inside_the_clinic_imports_go_down():
    for path in files("portal"):
        room = room_of(path)
        assert room in (*CLINIC, *PAGES, "__init__"), f"portal/{room} has no place in the order"
        below = {"admin", "management"} - {room}
        allowed = set(CLINIC[: CLINIC.index(room)]) if room in CLINIC else {*CLINIC, *PAGES} - below
        wrong = opened(path, app="portal") - allowed
        assert not wrong, f"{path} may not import {wrong}"


def test_nothing_of_ours_imports_its_tests():
    for path in files(*OURS):
        assert "tests" not in {name.split(".")[0] for name in imports_of(path)}, path


def test_code_of_ours_is_named_by_a_string_only_in_settings():
    loaders = {"dentamind/settings.py", "dentamind/apps.py", "notifications/apps.py"}
    found = {
        (path, text)
        for path in set(sources()) - loaders
        for text in strings(path)
        if text != "dentamind.settings" and names_our_code(text)
    }
    assert found == set()


def names_our_code(text: str) -> bool:
    """Whether a string is the dotted name of a module of ours, or of something in one."""
    if not re.fullmatch(rf"({'|'.join(OURS)})(\.\w+)+", text) or is_model(text):
        return False
    app, room, *_ = text.split(".")
    return (ROOT / app / room).is_dir() or (ROOT / app / f"{room}.py").is_file()


def is_model(text: str) -> bool:
    try:
        return text.count(".") == 1 and apps.get_model(text) is not None
    except LookupError:
        return False


# -- who may touch the outside ------------------------------------------------------------------


def test_only_settings_read_the_environment():
    for path in set(sources()) - READS_ENVIRONMENT - NAMES_SETTINGS:
        used = [name for name in ("environ", "getenv") if uses(path, name=name)]
        assert not used, f"{path} reads the environment"
        assert "environs.Env" not in imports_of(path), f"{path} reads the environment"


def test_the_entry_points_only_name_the_settings():
    for path in NAMES_SETTINGS:
        calls = [
            node.func.attr
            for node in ast.walk(sources()[path])
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and "environ" in ast.unparse(node.func.value)
        ]
        assert calls == ["setdefault"], path


def test_only_realtime_touches_the_channel_layer():
    for path in sources():
        if room_of(path) != "realtime" and path != "dentamind/settings.py":
            touched = {name for name in imports_of(path) if name.startswith("channels.layers")}
            touched |= {name for name in CHANNEL_LAYER if uses(path, name=name)}
            assert not touched, f"{path} touches the channel layer: {touched}"


def test_only_providers_touch_the_network():
    for path in set(sources()) - LOCAL_NETWORK:
        if not path.startswith(("notifications/providers/", "carriers/")):
            touched = {name for name in imports_of(path) if reaches_out(name)}
            assert not touched, f"{path} touches the network: {touched}"


def reaches_out(name: str) -> bool:
    return any(name == library or name.startswith(f"{library}.") for library in NETWORK)


@pytest.mark.req("S-14")
def test_one_module_queues_tasks_and_their_arguments_are_nothing():
    queueing = {path for path in sources() if uses(path, name="async_task")}
    assert queueing == {"notifications/delivery/__init__.py"}
    calls = [
        node
        for node in ast.walk(sources()[queueing.pop()])
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "async_task"
    ]
    assert calls
    assert all(len(call.args) == 1 and not call.keywords for call in calls)


@pytest.mark.req("S-14")
def test_django_q_is_known_in_two_places():
    known = {
        path for path in sources() if "django_q" in {n.split(".")[0] for n in imports_of(path)}
    }
    assert known <= {"notifications/delivery/__init__.py", "notifications/queue.py"}


def test_planning_asks_the_clock():
    banned = {"timezone.now", "datetime.now", "datetime.utcnow", "date.today"}
    for path in set(sources()) - KNOWS_REAL_TIME:
        tree = sources()[path]
        asked = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not asked & banned, f"{path} asks {asked & banned}: use clock.now()"


def test_signals_are_used_where_a_library_has_no_other_hook():
    for path in sources():
        hooked = {
            name
            for name in imports_of(path)
            if (".signals." in name or name.startswith("django.dispatch"))
            and name.rpartition(".")[0] not in SIGNALS_OF_LIBRARIES
        }
        wrong = hooked - SIGNALS_WITH_A_REASON.get(path, set())
        assert not wrong, f"{path} hangs on {wrong}"


# -- craft --------------------------------------------------------------------------------------


def test_no_module_is_called_after_what_it_is_not():
    assert not {path for path in sources() if Path(path).stem in BANNED_MODULES}


def test_functions_can_be_read_at_a_glance():
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                assert lines <= LONGEST_FUNCTION, f"{path}: {node.name} has {lines} lines"


def test_files_can_be_read_in_one_sitting():
    for path in sources():
        lines = len((ROOT / path).read_text().splitlines())
        assert lines <= LONGER_FILES.get(path, LONGEST_FILE), f"{path} has {lines} lines"


@pytest.mark.req("S-08")
def test_no_code_vouches_for_html():
    for path, tree in sources().items():
        assert not uses(path, name="mark_safe"), path
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {"SafeString", "SafeText"}, path


@pytest.mark.req("S-08")
def test_no_template_vouches_for_html():
    pattern = re.compile(r"\|\s*safe(seq)?\b|autoescape\s+off")
    templates = [path for app in (".", *OURS) for path in (ROOT / app).glob("templates/**/*.*")]
    assert templates
    text = {path: path.read_text() for path in templates if path.suffix in (".html", ".txt")}
    assert not [path for path, written in text.items() if pattern.search(written)]


def test_no_fault_is_swallowed_in_silence():
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                assert not all(isinstance(step, ast.Pass) for step in node.body), path


def is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or "Exception" in ast.unparse(handler.type).split(".")
