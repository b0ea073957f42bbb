"""What every test runs under: threads, no network, hypothesis profiles; which tests are slow."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Set before torch is loaded, and inherited by worker processes: one thread unless the environment says otherwise.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A shell without job control lets what it starts in the background ignore Ctrl-C, and so would the commands that tests
# start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "local", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Let a test connect to this machine only."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        is_internet = self.family in (socket.AF_INET, socket.AF_INET6)
        if is_internet and address[0] not in ("localhost", "::1") and not address[0].startswith("127."):
            raise OSError(f"tests use no network, but one connects to {address[0]}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's folder for state, where the key that marks runs is, is the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def package_data() -> Callable[[str, str], Path]:
    """Where a package's data are: in what `make data` fetched, or as the system has it; skips where they are not."""

    def find(package: str, path: str) -> Path:
        for root in (Path(__file__).parents[1] / ".data" / package, Path("/")):
            if (root / path).exists():
                return root / path
        pytest.skip(f"the data of the package {package} are not here; `make data` fetches them")

    return find


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """The address of a Ray cluster with two CPUs, by logic alone."""
    pytest.importorskip("ray")
    from archwright.testing.ray_nodes import RayNode

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        node = RayNode(cpus=2, port=_free_port())
        yield node.address
        node.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests do."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if shutil.which("initdb") is None else None
    found = shutil.which("initdb") or (binaries and str(binaries[-1] / "initdb"))
    if not found or not Path(found).exists():
        pytest.skip("no PostgreSQL server is installed: no initdb on the PATH or under /usr/lib/postgresql")
    home = Path(tempfile.mkdtemp(prefix="archwright-postgres-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(home, "postgres", "postgres")
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
    port = _free_port()
    data, where = home / "data", Path(found).resolve().parent
    quiet = {
        "check": True,
        "cwd": home,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        **as_user,
    }
    subprocess.run([where / "initdb", "-D", data, "-A", "trust", "-U", "archwright"], **quiet)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {home}"
    subprocess.run([where / "pg_ctl", "-D", data, "-o", options, "-w", "start"], **quiet)
    try:
        yield f"postgresql+psycopg://archwright@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([where / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database(postgres: str) -> str:
    """The URL of an empty database on that server."""
    import sqlalchemy

    base = sqlalchemy.make_url(postgres)
    name = f"test_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(base, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return base.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def shared_store(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database that workers may share, and a key in the environment."""
    from archwright.experiments import published

    monkeypatch.setenv(published.KEY, "a key of thirty-two characters!!")
    return database


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all-cases` runs what `pytest_collection_modifyitems` leaves out."""
    parser.addoption("--all-cases", action="store_true", help="every case of the tests marked sampled")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the cases of a test that is marked `sampled(n)`, one in n is run by `make test`, and as many others are slow.

    The rest is run with `--all-cases` alone.
    """
    cases = defaultdict(list)
    for item in items:
        if mark := item.get_closest_marker("sampled"):
            cases[item.nodeid.partition("[")[0], mark.args[0]].append(item)
    left_out = set()
    for (name, share), several in cases.items():
        first = zlib.crc32(name.encode()) % min(
            share, len(several)
        )  # another case of each test of a contract
        for number, item in enumerate(several):
            if (number - first) % share:
                item.add_marker("slow")
                if (number - first) % share > 1:
                    left_out.add(item)
    if left_out and not config.getoption("all_cases"):
        config.hook.pytest_deselected(items=[*left_out])
        items[:] = [item for item in items if item not in left_out]
