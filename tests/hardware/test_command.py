"""Latency by a command: what it is given and may print, and a real sshd."""

from __future__ import annotations

import getpass
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import archwright.hardware
from archwright.errors import TrialError, UsageError
from archwright.hardware.command import number_of
from archwright.objectives import Objective

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
RUNNER = Path(archwright.hardware.__file__).with_name("measure_onnx.py")
NETWORK, INPUTS = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)), torch.randn(2, 3, 4)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_last_line_is_the_number_and_the_input_arrives() -> None:
    code = "import sys; print('warming up'); print(len(sys.stdin.buffer.read()) / 2)"
    assert number_of(python(code), b"x" * 7, 60) == 3.5


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print('ok')", "expected milliseconds as its last line, got 'ok'"),
        ("print(-1)", "expected milliseconds as its last line"),
        ("print('nan')", "expected milliseconds as its last line"),
        ("import sys; sys.exit('no such device')", "ended with 1: no such device"),
        ("import time; time.sleep(60)", "no answer within 0.5 s"),
    ],
)
def test_a_command_that_fails_says_why(code: str, told: str) -> None:
    with pytest.raises(TrialError, match=told):
        number_of(python(code), b"", 0.5 if "sleep" in code else 60)


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(TrialError, match="there is no command 'no-such-command'"):
        number_of(["no-such-command"], b"", 5)
    with pytest.raises(UsageError, match="expected words"):
        Objective("latency_ms", options={"command": " "})
    with pytest.raises(UsageError, match="got both"):
        Objective("latency_ms", options={"command": "x", "file": "t.json"})


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[str]:
    """A command that runs words on this machine by way of a real sshd."""
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("there is no sshd; install openssh-server")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
    )
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)  # where it keeps apart what is not yet logged in
    log = (tmp_path / "log").open("w")
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=log)
    words = (
        f"ssh -p {port} -i {tmp_path}/user -o BatchMode=yes -o StrictHostKeyChecking=accept-new "
        f"-o UserKnownHostsFile={tmp_path}/known -F none {getpass.getuser()}@127.0.0.1"
    )
    try:
        for _ in range(50):
            ran = subprocess.run([*shlex.split(words), "true"], capture_output=True, text=True, check=False)
            if ran.returncode == 0:
                break
            time.sleep(0.2)
        else:
            pytest.skip(f"this sshd lets nobody in: {ran.stderr} {(tmp_path / 'log').read_text()}")
        yield words
    finally:
        server.terminate()
        server.wait()
        log.close()


def test_a_network_is_measured_through_a_real_sshd(ssh: str) -> None:
    pytest.importorskip("onnxruntime")
    command = f"{ssh} {shlex.quote(shlex.join([sys.executable, str(RUNNER)]))}"
    meter = Objective("latency_ms", limit=5.0, options={"command": command, "batch": 3}).load_meter()
    assert meter is not None
    assert meter.exclusive
    assert 0 < meter.measure(NETWORK.train(), INPUTS) < 1000
    assert NETWORK.training


def test_what_fails_at_the_other_end_is_told(ssh: str) -> None:
    with pytest.raises(TrialError, match="ended with 3: out of memory"):
        number_of([*shlex.split(ssh), "echo out of memory >&2; exit 3"], b"", 60)
