"""Doors: whoever has no certificate of the run cannot talk to a cluster that glassnet starts."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask_jobqueue  # noqa: F401  its defaults must be there before they are changed
import pytest
from distributed import Client, LocalCluster
from distributed.security import Security

from glassnet.cli.certificates import certificates
from glassnet.cli.slurm import Slurm
from glassnet.cli.workers import Scheduler, Where, place

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SBATCH = """#!/bin/sh
# What Slurm's command says; the job is kept and never starts.
cp "$1" "$(dirname "$0")/job.sh"
echo "Submitted batch job 1"
"""
JOB: dict[str, Any] = {"cores": 2, "processes": 2, "memory": "2GB", "interface": "lo"}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine whose Slurm takes jobs and lets them wait."""
    for name, script in (("sbatch", SBATCH), ("scancel", "#!/bin/sh\n")):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with dask.config.set({f"jobqueue.slurm.{name}": value for name, value in JOB.items()}):
        yield tmp_path


def own_listeners() -> set[tuple[str, int]]:
    """Addresses and ports at which this process listens for TCP connections."""
    inodes = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            inodes.add(descriptor.readlink().name)
        except OSError:
            continue
    found = set()
    for table, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in inodes:
                address, port = local.split(":")
                words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name not in ("sbatch", "scancel", "job.sh")]


def test_a_client_without_the_certificate_is_refused(slurm: Path) -> None:
    before = own_listeners()
    with Slurm(1).client(slurm) as client:
        address = client.scheduler_info()["address"]
        assert address.startswith("tls://127.0.0.1:")
        port = int(address.rpartition(":")[2])
        # One port, on loopback: no dashboard, no page of health and counters.
        assert own_listeners() - before == {("127.0.0.1", port)}
        with pytest.raises(OSError, match="certificate"):
            Client(address, security=Security.temporary(), timeout=2, set_as_default=False)
        with pytest.raises(OSError, match=str(port)):
            Client(f"tcp://127.0.0.1:{port}", timeout=2, set_as_default=False)
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with (
            pytest.raises(ssl.SSLError, match="certificate required"),
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusting.wrap_socket(plain) as encrypted,
        ):
            encrypted.recv(1)
        assert client.submit(int, "3").status == "pending"


@pytest.mark.long
def test_jobs_find_the_certificate_and_nobody_else_does(slurm: Path) -> None:
    with Slurm(2).client(slurm / "runs") as client:
        (private,) = (slurm / "runs").iterdir()
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        certificate, key = private / "certificate.pem", private / "key.pem"
        assert {stat.S_IMODE(path.stat().st_mode) for path in (certificate, key)} == {0o600}
        cluster: Any = client.cluster
        cluster.sync(cluster._correct_state)  # until the job is handed over
        job = (slurm / "job.sh").read_text()
    assert "PRIVATE KEY" not in job
    assert f"--tls-cert {certificate} --tls-key {key}" in job
    assert job.rstrip().endswith(
        f"--protocol tls:// --tls-ca-file {certificate} --tls-cert {certificate} --tls-key {key}"
    )
    assert "--no-dashboard --dashboard-address 127.0.0.1:0" in job
    assert list((slurm / "runs").iterdir()) == []


@pytest.mark.long
def test_certificates_are_removed_however_a_run_ends(slurm: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Slurm(1).client(slurm):
        raise KeyboardInterrupt
    assert files_below(slurm) == []
    killed = slurm / ".glassnet-tls-killed"
    killed.mkdir()
    (killed / "lock").touch()
    with certificates(slurm), certificates(slurm):
        assert not killed.exists()
        assert len(list(slurm.glob(".glassnet-tls-*/key.pem"))) == 2
    assert files_below(slurm) == []


@pytest.mark.long
def test_a_folder_for_certificates_can_be_chosen_and_is_checked(slurm: Path) -> None:
    chosen = {"jobqueue.slurm.shared-temp-directory": str(slurm / "chosen")}
    with dask.config.set(chosen), Slurm(1).client(slurm / "runs"):
        assert len(list((slurm / "chosen").glob(".glassnet-tls-*"))) == 1
    (slurm / "file").touch()
    with pytest.raises(OSError, match="shared-temp-directory"), Slurm(1).client(slurm / "file"):
        pass
    with pytest.raises(ValueError, match="blanks or signs"), Slurm(1).client(slurm / "a b"):
        pass


@pytest.mark.long
def test_a_dashboard_that_is_asked_for_is_on_loopback(slurm: Path) -> None:
    before = own_listeners()
    asked = {"dashboard_address": "0.0.0.0:0", "jupyter": True, "protocol": "tcp://", "security": None}
    with dask.config.set({"jobqueue.slurm.scheduler-options": asked}), Slurm(1).client(slurm) as client:
        assert client.scheduler_info()["address"].startswith("tls://")
        addresses = [address for address, _ in own_listeners() - before]
        assert addresses == ["127.0.0.1"] * 2


def test_what_a_scheduler_without_certificates_means_is_said(tmp_path: Path) -> None:
    for address in ("tcp://127.0.0.1:1", "127.0.0.1:1"):
        found = place(Where(address, None, None))
        assert isinstance(found, Scheduler)
        assert f"{address} is not encrypted" in found.warning
        assert "run code as you" in found.warning
    tls = place(Where("tls://127.0.0.1:1", None, None))
    assert isinstance(tls, Scheduler)
    assert tls.warning == ""
    with pytest.raises(ConnectionError, match=r"distributed.comm.tls.ca-file"), tls.client(tmp_path):
        pass


def test_a_scheduler_with_certificates_of_the_users_own_is_reached(tmp_path: Path) -> None:
    with certificates(tmp_path) as ours, certificates(tmp_path) as another:
        quiet = {"processes": False, "n_workers": 1, "dashboard_address": "127.0.0.1:0"}
        with LocalCluster(security=ours, protocol="tls://", **quiet) as cluster:
            scheduler = Scheduler(cluster.scheduler_address)
            with dask.config.set(configured(ours)):
                assert scheduler.threads()[0] == 1
            # What the configuration forbids is refused before a connection is tried.
            strict = {"distributed.comm.require-encryption": True}
            with dask.config.set(strict), pytest.raises(ConnectionError, match="require-encryption"):
                Scheduler(cluster.scheduler_address.replace("tls://", "tcp://")).threads()
            with dask.config.set(configured(another)), pytest.raises(ConnectionError, match="certificate"):
                scheduler.threads()


def configured(security: Any) -> dict[str, Any]:
    """Dask's configuration for certificates in files."""
    where = "distributed.comm.tls"
    client = {f"{where}.client.cert": security.tls_client_cert, f"{where}.client.key": security.tls_client_key}
    return {f"{where}.ca-file": security.tls_ca_file, **client}
