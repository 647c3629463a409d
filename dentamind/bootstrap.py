"""Set up what a fresh clone lacks: the virtual environment, the requirements, the keys.

Run as a script, by any Python: `python3 dentamind/bootstrap.py [--dev]`. Standard library only,
and no newer syntax than Python 3.6 reads, so that an old Python can say what it lacks.
"""

import argparse
import base64
import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys

if sys.version_info < (3, 11):
    print(
        "DentaMind needs Python 3.11 or newer; this is %d.%d.%d. "
        "Install it, then run: make demo PYTHON=python3.11" % sys.version_info[:3]
    )
    sys.exit(1)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
MARKER = os.path.join(VENV, "installed-requirements")
INSTALL_LOG = os.path.join(VENV, "install.log")
BUILD = "requirements-build.txt"
RUNTIME = "requirements.txt"
DEV = "requirements-dev.txt"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # SEC 2, 2.4.2


class SetupError(Exception):
    """Set-up cannot go on; the text says what, where and what to do next."""


def main(*, arguments: list) -> int:
    """Make the clone ready to run and return the exit code; prints a sentence when it cannot."""
    parser = argparse.ArgumentParser(description="Set up what a fresh clone lacks.")
    parser.add_argument("--dev", action="store_true", help="also what tests and linter need")
    options = parser.parse_args(arguments)
    try:
        ensure_venv(may_install=options.dev)
        ensure_requirements(dev=options.dev)
        ensure_env_file(root=ROOT)
    except SetupError as error:
        print(error)
        return 1
    return 0


def ensure_venv(*, may_install: bool) -> None:
    """Create .venv unless a working one is there. Raises SetupError with the way out."""
    if venv_works():
        return
    if importlib.util.find_spec("ensurepip") is None:
        provide_ensurepip(may_install=may_install)
    print("Creating the virtual environment .venv ...", flush=True)
    result = run([sys.executable, "-m", "venv", "--clear", VENV])
    if result.returncode:
        raise SetupError(
            "The virtual environment %s could not be created: %s. "
            "Look at the free space and the rights of that folder, then run make again."
            % (VENV, last_line(result.stdout))
        )


def venv_works() -> bool:
    """Whether .venv holds a Python that is new enough and has pip."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return run([VENV_PYTHON, "-c", check]).returncode == 0
    except OSError:
        return False


def provide_ensurepip(*, may_install: bool) -> None:
    """Install Debian's python3-venv where that is allowed. Raises SetupError where it is not."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", "python3-venv"]
    if may_install and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing python3-venv ...", flush=True)
        run(["apt-get", "update"])
        if run(command).returncode == 0:
            return
    raise SetupError(
        "%s cannot create virtual environments: its module ensurepip is missing. "
        "Install it with `apt-get install python3-venv`, then run make again." % sys.executable
    )


def ensure_requirements(*, dev: bool) -> None:
    """Install the locked requirements unless exactly these are installed. Raises SetupError."""
    wanted = [RUNTIME, DEV] if dev else [RUNTIME]
    if set(lock_lines(wanted=wanted)) <= set(read_marker()):
        return
    forget_marker()
    if count_requirements(lock=BUILD):
        install(lock=BUILD)
    install(lock=wanted[-1])
    with open(MARKER, "w") as marker:
        marker.write("\n".join(lock_lines(wanted=wanted)) + "\n")


def lock_lines(*, wanted: list) -> list:
    """One line for each lock file: its name and the hash of its content."""
    return ["%s %s" % (name, digest(name=name)) for name in [BUILD, *wanted]]


def digest(*, name: str) -> str:
    """The SHA-256 of a file of this project. Raises SetupError when it is missing."""
    try:
        with open(os.path.join(ROOT, name), "rb") as lock:
            return hashlib.sha256(lock.read()).hexdigest()
    except OSError as error:
        raise SetupError(
            "%s cannot be read (%s). Restore it with `git checkout %s`."
            % (name, error.strerror, name)
        ) from error


def read_marker() -> list:
    """The lines the last complete installation left behind; none when there was none."""
    try:
        with open(MARKER) as marker:
            return marker.read().splitlines()
    except OSError:
        return []


def forget_marker() -> None:
    """Remove the marker, so that an installation cut short is not taken for a complete one."""
    if os.path.exists(MARKER):
        os.remove(MARKER)


def count_requirements(*, lock: str) -> int:
    """How many packages a lock file names."""
    with open(os.path.join(ROOT, lock)) as lines:
        return sum("==" in line and not line.startswith((" ", "#")) for line in lines)


def install(*, lock: str) -> None:
    """Install one lock file with pip, showing progress. Raises SetupError with pip's last words."""
    command = [VENV_PYTHON, "-m", "pip", "install", "--require-hashes", "--no-build-isolation"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["-r", os.path.join(ROOT, lock)]
    process = subprocess.Popen(
        command,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    output = follow(process=process, lock=lock, total=count_requirements(lock=lock))
    if process.wait():
        raise SetupError(
            "%s could not be installed: %s. The whole output is in %s. "
            "If the package registry cannot be reached, try again when it can: run make again."
            % (lock, last_line(output), INSTALL_LOG)
        )


def follow(*, process: subprocess.Popen, lock: str, total: int) -> str:
    """Copy pip's output into the log and count its packages on one line; returns the output."""
    progress = Progress(lock=lock, total=total)
    lines = []
    with open(INSTALL_LOG, "a") as log:
        for line in process.stdout:
            lines.append(line)
            log.write(line)
            progress.see(line=line)
    progress.end()
    return "".join(lines)


class Progress:
    """What is being installed, on one line at a terminal and on a few lines in a log."""

    def __init__(self, *, lock: str, total: int) -> None:
        self.lock, self.total, self.count = lock, total, 0
        self.rewrites = sys.stdout.isatty()

    def see(self, *, line: str) -> None:
        """Take one line of pip's output and show it when it tells of progress."""
        if line.startswith("Collecting "):
            self.count += 1
            step = "fetching %d of %d" % (min(self.count, self.total), self.total)
            self.show(step=step, always=self.count % 25 == 0)
        elif line.startswith("Installing collected"):
            self.show(step="unpacking %d packages" % self.total, always=True)

    def show(self, *, step: str, always: bool) -> None:
        """Print the step over the last one, or on its own line where that is not possible."""
        if self.rewrites:
            print("\r\033[K  %s: %s" % (self.lock, step), end="", flush=True)
        elif always:
            print("  %s: %s" % (self.lock, step), flush=True)

    def end(self) -> None:
        """Leave the cursor on a fresh line."""
        if self.rewrites:
            print("\r\033[K", end="", flush=True)


def clean_environment() -> dict:
    """The environment for pip, without settings that would install somewhere else."""
    stray = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if name not in stray}


def ensure_env_file(*, root: str) -> None:
    """Create .env from .env.example with fresh keys. An existing .env is never touched."""
    target = os.path.join(root, ".env")
    if os.path.exists(target):
        return
    with open(os.path.join(root, ".env.example")) as example:
        text = fill_keys(text=example.read())
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as env_file:
        env_file.write(text)
    print("Created .env with fresh keys.", flush=True)


def fill_keys(*, text: str) -> str:
    """The example's text, each empty key replaced by a fresh one."""
    lines = text.splitlines()
    for name, value in fresh_keys().items():
        lines = [name + "=" + value if line.strip() == name + "=" else line for line in lines]
    return "\n".join(lines) + "\n"


def fresh_keys() -> dict:
    """New random keys by the name of their setting."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "NOTIFICATIONS_MASTER_KEYS": "1:" + fresh_key(),
        "NOTIFICATIONS_INDEX_KEY": fresh_key(),
        "NOTIFICATIONS_AUDIT_KEYS": "1:" + fresh_key(),
        "NOTIFICATIONS_VAPID_PRIVATE_KEY": fresh_vapid_key(),
    }


def fresh_key() -> str:
    """32 random bytes as base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def fresh_vapid_key() -> str:
    """A private key of the curve P-256, base64url without padding: a number below its order."""
    number = 1 + secrets.randbelow(P256_ORDER - 1)
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")


def run(command: list) -> subprocess.CompletedProcess:
    """Run a short command without input; its output is in stdout, whatever the exit code."""
    return subprocess.run(
        command,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )


def last_line(text: str) -> str:
    """The last line that says something, without its full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no output"


if __name__ == "__main__":
    sys.exit(main(arguments=sys.argv[1:]))
