"""The tools around the site: set-up, supervisor, warden, the sentences they speak."""

import ast
import base64
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from dentamind import bootstrap, children, preflight, supervisor
from dentamind.warden import is_running
from tests.rig import install
from tests.rig.processes import HOST, ROOT, answers, free_port

pytestmark = pytest.mark.servers

# Stands in for the real children: a web that answers /readyz as files say, a worker with a child.
SCENE = """
    import sys
    from pathlib import Path
    from dentamind import children, supervisor

    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    children.ROOT = folder
    children.PROBE_SECONDS = 0.2
    supervisor.require_migrated = lambda: None
    supervisor.commands = lambda *, port: {
        "web": [sys.executable, str(folder / "web.py"), str(folder), str(port)],
        "worker": [sys.executable, str(folder / "worker.py"), str(folder)],
    }
    waits = ["--red-after", "0.6", "--silent-after", "0.6", "--settle", "1.5"]
    logs = ["--logs", str(folder / "log")]
    sys.exit(supervisor.main(arguments=["--port", str(port), *waits, *logs]))
"""
WEB = """
    import sys, time
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from pathlib import Path

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            while self.path == "/readyz" and (Path(sys.argv[1]) / "mute").exists():
                time.sleep(0.05)
            red = self.path == "/readyz" and (Path(sys.argv[1]) / "red").exists()
            self.send_response(503 if red else 200)
            self.end_headers()
            self.wfile.write((Path(sys.argv[1]) / "red").read_bytes() if red else b"{}")

        def log_message(self, *arguments):
            pass

    HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""
WORKER = """
    import os, subprocess, sys, time
    from pathlib import Path

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    with (Path(sys.argv[1]) / "started").open("a") as started:
        started.write(f"{os.getpid()} {child.pid}\\n")
    time.sleep(300)
"""
RED = '{"restart_worker": true}'


class Scene:
    """A supervisor with stand-in children in a folder of its own."""

    def __init__(self, *, folder: Path) -> None:
        for name, text in {"scene": SCENE, "web": WEB, "worker": WORKER}.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(text))
        self.folder, self.port = folder, free_port()
        self.output = (folder / "output").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "scene.py"), str(folder), str(self.port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def workers(self) -> list[list[int]]:
        """Process ids of each worker started so far, its child beside it."""
        started = self.folder / "started"
        lines = started.read_text().splitlines() if started.exists() else []
        return [[int(number) for number in line.split()] for line in lines]

    def said(self) -> str:
        """What the supervisor has printed."""
        return (self.folder / "output").read_text()

    def is_up(self) -> bool:
        """Whether both children have started."""
        return bool(self.workers()) and answers(url=f"http://{HOST}:{self.port}/healthz")

    def close(self) -> None:
        """End whatever is left."""
        self.process.kill()
        self.process.wait(timeout=10)
        for pid in [pid for pair in self.workers() for pid in pair]:
            eventually(lambda pid=pid: not is_running(pid=pid), seconds=20)
        self.output.close()


def eventually(holds, *, seconds=15.0):
    """Wait until something holds; fails when it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def scene(tmp_path):
    scene = Scene(folder=tmp_path)
    try:
        eventually(scene.is_up)
        yield scene
    finally:
        scene.close()


def test_bootstrap_can_be_read_by_python_3_6():
    source = (ROOT / "dentamind" / "bootstrap.py").read_text()
    ast.parse(source, feature_version=(3, 6))


def test_old_python_hears_one_sentence():
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0);"
        "runpy.run_path('dentamind/bootstrap.py', run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stdout == (
        "DentaMind needs Python 3.11 or newer; this is 3.9.2. "
        "Install it, then run: make demo PYTHON=python3.11\n"
    )
    assert result.stderr == ""


def test_python_without_ensurepip_hears_what_to_install(monkeypatch):
    monkeypatch.setattr(bootstrap, "venv_works", lambda: False)
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bootstrap.SetupError, match="apt-get install python3-venv"):
        bootstrap.ensure_venv(may_install=False)


def test_requirements_are_installed_again_only_when_the_lock_changed(monkeypatch, tmp_path):
    installed = []
    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    monkeypatch.setattr(bootstrap, "MARKER", str(tmp_path / "marker"))
    monkeypatch.setattr(bootstrap, "install", lambda *, lock: installed.append(lock))
    for name in (bootstrap.BUILD, bootstrap.RUNTIME, bootstrap.DEV):
        (tmp_path / name).write_text("package==1\n")
    bootstrap.ensure_requirements(dev=True)
    bootstrap.ensure_requirements(dev=False)
    assert installed == [bootstrap.BUILD, bootstrap.DEV]
    (tmp_path / bootstrap.RUNTIME).write_text("package==2\n")
    bootstrap.ensure_requirements(dev=False)
    assert installed == [bootstrap.BUILD, bootstrap.DEV, bootstrap.BUILD, bootstrap.RUNTIME]


def test_env_file_gets_fresh_keys_and_is_never_overwritten(tmp_path):
    example = (ROOT / ".env.example").read_text()
    (tmp_path / ".env.example").write_text(example)
    bootstrap.ensure_env_file(root=str(tmp_path))
    first = (tmp_path / ".env").read_text()
    bootstrap.ensure_env_file(root=str(tmp_path))
    assert (tmp_path / ".env").read_text() == first
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    values = dict(line.split("=", 1) for line in first.splitlines() if "=" in line)
    for name in bootstrap.fresh_keys():
        assert f"{name}=" in example.splitlines()
        assert values[name]
    version, _, key = values["NOTIFICATIONS_MASTER_KEYS"].partition(":")
    assert version == "1"
    assert len(base64.urlsafe_b64decode(key)) == 32


def test_locks_have_hashes_and_name_no_registry():
    for path in ROOT.glob("requirements*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        # Options, such as where to fetch from, would stand at the beginning of a line.
        assert not [line for line in text.splitlines() if line.startswith("-")]
    assert "://" not in (install.NPM / "package-lock.json").read_text()


def test_missing_tools_are_listed_with_the_command(monkeypatch):
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    need = install.Need(name="Redis", is_there=lambda: False, packages=("redis-server",))
    with pytest.raises(install.Missing, match=r"lacks: Redis\. (.|\n)*install -y redis-server"):
        install.ensure(needs=[need], say=print)


def test_busy_port_is_refused_with_the_next_free_one(capsys):
    with preflight.socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert supervisor.main(arguments=["--port", str(port)]) == 1
    assert f"Port {port} is in use. Choose another one: make demo PORT=" in capsys.readouterr().out


def test_supervisor_ends_everything_on_one_signal(scene):
    worker, child = scene.workers()[0]
    scene.process.send_signal(signal.SIGTERM)
    assert scene.process.wait(timeout=20) == 0
    eventually(lambda: not is_running(pid=worker) and not is_running(pid=child))
    assert not answers(url=f"http://{HOST}:{scene.port}/healthz")
    assert scene.said().endswith("Stopping ...\nStopped.\n")


def test_supervisor_starts_a_dead_worker_again_and_says_so(scene):
    worker, child = scene.workers()[0]
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(scene.workers()) == 2)
    eventually(lambda: not is_running(pid=child))
    assert "The worker stopped (exit code -9); starting it again in 1 s." in scene.said()


def test_supervisor_replaces_a_worker_that_does_nothing(scene):
    worker, child = scene.workers()[0]
    (scene.folder / "red").write_text(RED)
    eventually(lambda: len(scene.workers()) == 2)
    (scene.folder / "red").unlink()
    eventually(lambda: not is_running(pid=worker) and not is_running(pid=child))
    assert "The worker is being restarted: /readyz has been red" in scene.said()


def test_a_database_that_is_away_is_no_reason_to_replace_anybody(scene):
    (scene.folder / "red").write_text('{"restart_worker": false}')
    time.sleep(3)
    (scene.folder / "red").write_text(RED)  # it is back, and the clock has to catch up
    time.sleep(1)
    (scene.folder / "red").unlink()
    assert len(scene.workers()) == 1
    assert "being restarted" not in scene.said()


def test_a_worker_whose_restart_does_not_help_is_left_more_and_more_time(scene):
    (scene.folder / "red").write_text(RED)
    eventually(lambda: len(scene.workers()) == 2)
    second = time.monotonic()
    eventually(lambda: len(scene.workers()) == 3)
    third = time.monotonic()
    assert third - second > 2.5  # twice the 1.5 s it was given to settle at first
    eventually(lambda: len(scene.workers()) == 4)
    assert time.monotonic() - third > 5.0


def test_supervisor_replaces_a_web_that_gives_no_answer_and_no_worker_for_it(scene):
    (scene.folder / "mute").touch()
    eventually(lambda: "The web is being restarted: /readyz has not answered" in scene.said())
    (scene.folder / "mute").unlink()
    eventually(lambda: answers(url=f"http://{HOST}:{scene.port}/readyz"))
    assert len(scene.workers()) == 1


def test_killed_supervisor_leaves_no_orphans(scene):
    worker, child = scene.workers()[0]
    scene.process.kill()
    scene.process.wait(timeout=10)
    eventually(lambda: not is_running(pid=worker) and not is_running(pid=child))
    eventually(lambda: not answers(url=f"http://{HOST}:{scene.port}/healthz"))


def test_of_a_traceback_only_the_error_is_shown():
    lines = ["ready", "WARNING slow", "ERROR django.request Service Unavailable: /readyz"]
    lines += ["Traceback (most recent call last):", "  File x", ""]
    lines += ["During handling of the above", "    deeper", "ValueError: no", "next"]
    shown = children.Filter()
    assert [line for line in lines if shown.lets_through(line=line)] == [
        "WARNING slow",
        "ValueError: no",
    ]


def test_an_unreachable_database_is_a_sentence():
    said = preflight.explain(error="django.db.utils.OperationalError: connection refused")
    assert said == (
        "The database does not answer: connection refused. Look at DATABASE_URL in .env."
    )
