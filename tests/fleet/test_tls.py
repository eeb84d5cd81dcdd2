"""`fleet.tls` and `fleet.api_key_file`: a server that demands a certificate or a key, and what can be wrong there."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit import fleets
from kit.certificates import Authority
from kit.fleets import Fleet, result_of
from kit.harness import SERVICE_USER, Box, Product, environment_of, until
from kit.processes import words_of
from kit.refusing_server import huffman, refusing_server
from kit.tls_proxy import tls_proxy
from process_control.config.settings import load_settings
from process_control.fleet.tls_faults import tls_fault

#: Of letters that `huffman` knows.
API_KEY = "a0c1e2i0o1s2t0a1c2e0"
CLOSED = r"the server has (closed the connection at once|ended the connection \(\w+\))"


@pytest.fixture
def ours(box: Box) -> Authority:
    return Authority(box.root, "ours")


def keys_of(authority: Authority, name: str) -> dict[str, str]:
    """Return `fleet.tls` of a host with a certificate of this authority."""
    certificate, key = authority.sign(name)
    return {"ca_file": str(authority.path), "cert_file": str(certificate), "key_file": str(key)}


def test_jobs_are_applied_and_run_through_a_server_that_demands_a_certificate(
    fleet: Fleet, box: Box, ours: Authority
) -> None:
    with tls_proxy(fleet.server.address, *ours.sign("server"), clients_of=ours.path) as address:
        fleet.configure(box, address=address, tls=keys_of(ours, "tls1"))
        box.job("sealed", "command: echo sealed\nrun_on: {host: tls1}")
        with fleets.worker(box, "tls1"):
            applied = box.process_control("fleet", "apply")
            box.process_control("run", "sealed", "--fleet")
            until(lambda: result_of(box, "sealed"), "the end of the run")
            output = box.process_control("logs", "sealed", "--fleet")

    assert (applied.exit_code, result_of_the_server(fleet, box, "sealed")) == (0, "succeeded")
    assert "sealed" in output.stdout


def result_of_the_server(fleet: Fleet, box: Box, job: str) -> str | None:
    """Return how the last run of a job went, as the server says without a proxy."""
    fleet.configure(box)
    return result_of(box, job)


@contextmanager
def guarded(authority: Authority) -> Iterator[str]:
    """Serve something that refuses every call to those who show a certificate of this authority."""
    with (
        refusing_server("Request unauthorized.") as target,
        tls_proxy(target, *authority.sign("server"), clients_of=authority.path) as address,
    ):
        yield address


#: By name: what is changed in right `fleet.tls`, exit code, words of the error, words of the hint. PATH is the box's.
WRONG: dict[str, tuple[dict[str, str | None], int, str, str]] = {
    "a-wrong-authority": (
        {"ca_file": "PATH/theirs.pem"},
        78,
        "no authority that this host trusts has signed the certificate of the server",
        "is PATH/theirs.pem of the authority that has signed it? process-control explain fleet.tls",
    ),
    "the-authorities-of-the-host": (
        {"ca_file": None},
        78,
        "no authority that this host trusts has signed the certificate of the server",
        "is its authority another one? then set ca_file: process-control explain fleet.tls",
    ),
    "no-certificate-of-ours": (
        {"cert_file": None, "key_file": None},
        77,
        CLOSED,
        "does it demand a certificate of this host? then set cert_file and key_file: process-control explain fleet.tls",
    ),
    "a-certificate-of-somebody-else": (
        {"cert_file": "PATH/stranger.pem", "key_file": "PATH/stranger.key"},
        77,
        CLOSED,
        "does it trust who signed PATH/stranger.pem, and is that still valid?",
    ),
    "a-certificate-without-a-key": (
        {"key_file": None},
        78,
        "fleet.tls has cert_file, and no key_file",
        "a host shows a certificate and has its key: process-control explain fleet.tls.key_file",
    ),
    "the-key-of-another-certificate": (
        {"key_file": "PATH/stranger.key"},
        78,
        "PATH/stranger.key: fleet.tls.key_file: it is not the key of PATH/web1.pem",
        "process-control explain fleet.tls",
    ),
    "no-authority-in-the-file": (
        {"ca_file": "PATH/web1.key"},
        78,
        "PATH/web1.key: fleet.tls.ca_file: there is no certificate in it, as PEM",
        "it has a line -----BEGIN CERTIFICATE-----: process-control explain fleet.tls.ca_file",
    ),
    "no-key-in-the-file": (
        {"key_file": "PATH/web1.pem"},
        78,
        "PATH/web1.pem: fleet.tls.key_file: there is no private key in it, as PEM",
        "it has a line -----BEGIN PRIVATE KEY-----: process-control explain fleet.tls.key_file",
    ),
    "a-broken-key": (
        {"key_file": "PATH/broken.key"},
        78,
        "PATH/broken.key: fleet.tls.key_file: its key cannot be read",
        "a key with a passphrase cannot be used",
    ),
    "a-broken-certificate": (
        {"cert_file": "PATH/broken.pem"},
        78,
        "PATH/broken.pem: fleet.tls.cert_file: its certificate cannot be read",
        "process-control explain fleet.tls",
    ),
    "no-such-file": (
        {"cert_file": "PATH/nowhere.pem"},
        78,
        "PATH/nowhere.pem: fleet.tls.cert_file: No such file or directory",
        "process-control explain fleet.tls.cert_file",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_certificates_are_an_error_with_a_hint(box: Box, with_fleet: Product, ours: Authority, name: str) -> None:
    changed, code, words, hint = WRONG[name]
    box.product = with_fleet
    Authority(box.root, "theirs").sign("stranger")
    (box.root / "broken.key").write_text("-----BEGIN PRIVATE KEY-----\nZm9v\n-----END PRIVATE KEY-----\n")
    (box.root / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n")
    tls = {**keys_of(ours, "web1"), **{key: value and here(box, value) for key, value in changed.items()}}

    with guarded(ours) as address:
        box.configure(fleet={"address": address, "tls": {key: value for key, value in tls.items() if value}})
        status = box.process_control("fleet", "status")
        worker = box.process_control("fleet", "worker", "--name", "web1")
        doctor = box.process_control("fleet", "doctor", "--json")

    assert status.exit_code == worker.exit_code == code, (status, worker)
    assert_says(status.stderr, here(box, words), here(box, hint))
    assert_says(worker.stderr, here(box, words), here(box, hint))
    (finding,) = doctor.json()["findings"]
    assert finding["check"] == ("permission" if code == 77 else "connection"), finding
    assert box.pasted(finding["remedy"]).exit_code == 0


def as_it_connects(source: str) -> str:
    """Return what the library says of a connection that fails before the first call."""
    return f"Failed client connect: Server connection error: tonic::transport::Error(Transport, {source})"


def at_the_first_call(source: str) -> str:
    status = f'Status {{ code: Unknown, message: "transport error", source: Some({source}) }}'
    return f"Failed client connect: `get_system_info` call error after connection: {status}"


#: What the library says of a server that demands a certificate of ours: it depends on which of the two is faster.
REFUSALS = {
    "eof": at_the_first_call('hyper::Error(Io, Custom { kind: UnexpectedEof, error: "peer closed connection" })'),
    "broken-pipe": at_the_first_call('hyper::Error(Io, Custom { kind: BrokenPipe, error: "stream closed" })'),
    "reset": at_the_first_call("hyper::Error(Io, Kind(ConnectionReset))"),
    "closed": at_the_first_call('hyper::Error(Canceled, "connection closed")'),
    "not-ready": at_the_first_call('hyper::Error(Canceled, "connection was not ready")'),
    "alert": at_the_first_call('hyper::Error(Io, Custom { error: "received fatal alert: CertificateRequired" })'),
    "broken-pipe-at-once": as_it_connects(
        'hyper::Error(Io, Os { code: 32, kind: BrokenPipe, message: "Broken pipe" })'
    ),
    "alert-of-tls-1.2": as_it_connects("ConnectError(Custom { error: AlertReceived(HandshakeFailure) })"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_server_that_demands_a_certificate_is_known_by_all_words_of_the_library(box: Box, name: str) -> None:
    box.configure(fleet={"address": "db1:7233", "tls": {"ca_file": "/etc/ssl/ca.pem"}})

    fault = tls_fault(REFUSALS[name], "db1:7233", load_settings(str(box.configuration), {}))

    assert fault is not None
    assert fault.exit_code == 77
    assert re.search(CLOSED, fault.faults[0].what)


@pytest.mark.parametrize("said", [as_it_connects, at_the_first_call])
@pytest.mark.parametrize("words", ["Kind(TimedOut)", 'Os { code: 110, message: "Connection timed out" }'])
def test_a_server_that_is_cut_off_refuses_nobody(box: Box, said: Callable[[str], str], words: str) -> None:
    box.configure(fleet={"address": "db1:7233", "tls": {"ca_file": "/etc/ssl/ca.pem"}})

    assert tls_fault(said(f"hyper::Error(Io, {words})"), "db1:7233", load_settings(str(box.configuration), {})) is None


def here(box: Box, words: str) -> str:
    return words.replace("PATH", str(box.root))


def assert_says(stderr: str, words: str, hint: str) -> None:
    error, _, after = stderr.partition("\n  hint: ")
    assert re.search(words if words == CLOSED else re.escape(words), error), stderr
    assert after == f"{hint}\n", stderr


def test_who_speaks_another_protocol_than_the_server_hears_which(
    box: Box, with_fleet: Product, ours: Authority
) -> None:
    box.product = with_fleet
    tls = keys_of(ours, "web1")

    with guarded(ours) as address, refusing_server("no") as plain:
        box.configure(fleet={"address": address})
        without = box.process_control("fleet", "status")
        box.configure(fleet={"address": plain, "tls": tls})
        to_plain = box.process_control("fleet", "status")
        box.configure(fleet={"address": address.replace("127.0.0.1", "localhost"), "tls": tls})
        other_name = box.process_control("fleet", "status")

    assert (without.exit_code, to_plain.exit_code, other_name.exit_code) == (75, 78, 78)
    assert "does it use TLS? then say by which certificates it is known" in without.stderr
    assert "the server does not use TLS\n  hint: leave out fleet.tls and fleet.api_key_file" in to_plain.stderr
    assert "the certificate of the server is for another name\n  hint: fleet.address has to be" in other_name.stderr


@pytest.mark.needs_root
def test_a_key_that_the_service_user_may_not_read_is_an_error(
    make_box: Callable[..., Box], with_fleet: Product
) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.product = with_fleet
    tls = keys_of(Authority(box.root, "ours"), "web1")
    os.chmod(tls["key_file"], 0o600)  # it belongs to root
    box.configure(fleet={"address": "127.0.0.1:1", "tls": tls})

    status = box.process_control("fleet", "status")

    assert status.exit_code == 77
    assert status.stderr.endswith(
        f"{tls['key_file']}: fleet.tls.key_file: no permission to read it\n"
        "  hint: the user that jobs run as reads it: let it do so, and nobody else where it is a key\n"
    )


def key_file(box: Box, content: str, mode: int = 0o600) -> str:
    path = box.root / "api-key"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


def test_the_api_key_arrives_and_is_in_no_error_also_when_the_server_repeats_it(
    box: Box, with_fleet: Product, ours: Authority
) -> None:
    box.product = with_fleet
    came: list[bytes] = []

    with (
        refusing_server(f"no such key: {API_KEY}", came=came) as target,
        tls_proxy(target, *ours.sign("server")) as address,
    ):
        tls = {"ca_file": str(ours.path)}
        box.configure(fleet={"address": address, "tls": tls, "api_key_file": key_file(box, f"{API_KEY}\n")})
        status = box.process_control("fleet", "status")
        debugged = box.process_control("--debug", "fleet", "status")
        doctor = box.process_control("fleet", "doctor")

    assert any(huffman(f"Bearer {API_KEY}") in head for head in came)
    assert status.exit_code == 77
    assert f"{address}: the server refuses us: no such key: ***\n" in status.stderr
    assert API_KEY not in status.stderr + debugged.stdout + debugged.stderr + doctor.stdout + doctor.stderr


def test_the_api_key_is_in_no_process_log_or_file_of_a_worker_and_its_runs(
    fleet: Fleet, box: Box, ours: Authority
) -> None:
    begun, done = box.fifo("begun"), box.fifo("done")
    box.job("keyed", f"command: sh -c 'env > {begun}; read line < {done}'\nrun_on: {{host: key1}}")
    path = key_file(box, API_KEY)
    with tls_proxy(fleet.server.address, *ours.sign("server")) as address:
        fleet.configure(box, address=address, tls={"ca_file": str(ours.path)}, api_key_file=path)
        with fleets.worker(box, "key1") as worker:
            box.process_control("fleet", "apply")
            box.process_control("run", "keyed", "--fleet")
            environment = begun.read_line()
            shown = [words_of(pid) + environment_of(pid) for pid in box.processes()]
            done.write_line()
            until(lambda: result_of(box, "keyed"), "the end of the run")
            worker.signal(15)
            ended = worker.wait()

    box.wait_until_all_ended()  # what still writes, renames and removes files
    files = [each for each in box.root.rglob("*") if each.is_file() and str(each) != path]
    assert len(shown) > 2
    assert not any(API_KEY.encode() in each for each in shown)
    assert API_KEY not in ended.stderr + environment
    assert [each for each in files if API_KEY.encode() in Path(each).read_bytes()] == []


@pytest.mark.parametrize(
    ("content", "mode", "code", "words"),
    [
        ("", 0o600, 78, "the api key file is empty"),
        (f"{API_KEY}\n{API_KEY}\n", 0o600, 78, "the api key file is more than one word of ASCII"),
        (f"{API_KEY}é", 0o600, 78, "the api key file is more than one word of ASCII"),
        (API_KEY, 0o644, 77, "the api key file has mode 0644: others could read or change it"),
    ],
    ids=["empty", "two-lines", "not-ascii", "readable"],
)
def test_a_key_file_that_cannot_be_right_is_an_error_that_does_not_show_it(
    box: Box, with_fleet: Product, content: str, mode: int, code: int, words: str
) -> None:
    box.product = with_fleet
    path = key_file(box, content, mode)
    box.configure(fleet={"address": "127.0.0.1:1", "api_key_file": path})

    status = box.process_control("fleet", "status")

    assert status.exit_code == code
    assert f"{path}: {words}\n  hint: " in status.stderr
    assert API_KEY not in status.stderr
