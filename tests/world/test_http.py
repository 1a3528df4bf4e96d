"""HTTP: bounded in size, time and redirects, against a real server on this machine."""

import gzip
import os
import ssl
import threading
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vsm_mcp.errors import LinkError, PayloadError
from vsm_mcp.world.http import MOST_REDIRECTS, HttpClient, Reply

pytestmark = pytest.mark.anyio


ANSWERS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "/hello": (200, b"hello", {}),
    "/moved": (302, b"", {"location": "/hello"}),
    "/loop": (302, b"", {"location": "/loop"}),
    "/large": (200, bytes(200_000), {}),
    "/zipped": (200, gzip.compress(b"hello"), {"content_encoding": "gzip"}),
    "/bomb": (200, gzip.compress(bytes(50_000_000)), {"content_encoding": "gzip"}),
    "/broken": (200, b"not gzip", {"content_encoding": "gzip"}),
    "/cut": (200, gzip.compress(b"hello")[:-4], {"content_encoding": "gzip"}),
    "/strange": (200, b"hello", {"content_encoding": "br"}),
}


class Answering(BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/silent":
            self.close_connection = True
            self.rfile.read(1)
        elif path == "/short":
            self.close_connection = True
            self.answer(200, b"", content_length="100")
        elif path == "/whoami":
            self.answer(200, "|".join(self.headers.get(name, "-") for name in ("X-Token", "Accept")).encode())
        elif path == "/to":
            self.answer(302, b"", location=self.path.partition("?")[2])
        else:
            status, body, headers = ANSWERS.get(path, (404, b"", {}))
            self.answer(status, body, **headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, body + self.headers["X-Mine"].encode())

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("content_length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-").title(), value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Quiet(ThreadingHTTPServer):
    """A server whose clients may hang up on it."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def serving(certificate: Path | None = None) -> Generator[str]:
    with Quiet(("127.0.0.1", 0), Answering) as listening:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """Serve with a certificate made for this test, which this process is told to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with serving(path) as address:
        yield address


async def get(url: str, *, limit: int = 100_000, timeout: float = 10) -> Reply:
    with anyio.fail_after(20):
        return await HttpClient(timeout=timeout).send("GET", url, limit=limit)


async def test_a_reply_has_status_headers_in_lower_case_and_the_body(server: str) -> None:
    reply = await get(f"{server}/hello")
    assert (reply.status, reply.body, reply.headers["content-length"], reply.ok) == (200, b"hello", "5", True)


async def test_a_status_of_failure_is_a_reply_and_no_error(server: str) -> None:
    reply = await get(f"{server}/missing")
    assert (reply.status, reply.ok) == (404, False)


async def test_headers_and_body_are_sent(server: str) -> None:
    with anyio.fail_after(20):
        reply = await HttpClient().send("POST", f"{server}/", headers={"X-Mine": "!"}, body=b"data")
    assert (reply.status, reply.body) == (201, b"data!")


async def test_redirects_are_followed_but_not_for_ever(server: str) -> None:
    assert (await get(f"{server}/moved")).body == b"hello"
    with pytest.raises(LinkError, match=f"(?i)redirect|{MOST_REDIRECTS}"):
        await get(f"{server}/loop")


async def test_a_compressed_answer_is_unpacked(server: str) -> None:
    assert (await get(f"{server}/zipped")).body == b"hello"


@pytest.mark.security
async def test_a_redirect_never_leads_from_encryption_to_none(encrypted: str, server: str) -> None:
    assert (await get(f"{encrypted}/moved")).body == b"hello"
    with pytest.raises(LinkError, match="redirected to an address without encryption"):
        await get(f"{encrypted}/to?{server}/hello")
    assert (await get(f"{server}/to?{encrypted}/hello")).body == b"hello"


@pytest.mark.security
async def test_a_file_of_certificates_is_trusted_instead_of_the_usual_ones(
    encrypted: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = os.environ["SSL_CERT_FILE"]
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.delenv("SSL_CERT_FILE")
    with anyio.fail_after(20):
        reply = await HttpClient().send("GET", f"{encrypted}/hello", cafile=authority)
        assert reply.body == b"hello"
        with pytest.raises(LinkError, match="certificate verify failed"):
            await HttpClient().send("GET", f"{encrypted}/hello")
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        with pytest.raises(LinkError, match="certificate verify failed"):
            await HttpClient().send("GET", f"{encrypted}/hello", cafile=str(tmp_path / "other.pem"))


async def test_certificates_that_cannot_be_read_are_named(server: str, tmp_path: Path) -> None:
    for cafile, reason in ((tmp_path / "missing.pem", "No such file"), (Path(__file__), ".*")):
        with pytest.raises(LinkError, match=f"{cafile.name} cannot be read: {reason}") as caught:
            await HttpClient().send("GET", f"{server}/hello", cafile=str(cafile))
        assert caught.value.remedies == ("Name a file of certificates in PEM.",)


@pytest.mark.security
async def test_a_header_of_ones_own_goes_along_on_the_same_server_and_never_to_another(server: str) -> None:
    headers = {"X-Token": "secret", "accept": "application/json"}
    elsewhere = server.replace("127.0.0.1", "localhost")
    with anyio.fail_after(20):
        for address, seen in (
            (f"{server}/whoami", b"secret|application/json"),
            (f"{server}/to?/whoami", b"secret|application/json"),
            (f"{server}/to?{elsewhere}/whoami", b"-|application/json"),
            (f"{elsewhere}/to?{server}/to?{elsewhere}/whoami", b"-|application/json"),
        ):
            assert (await HttpClient().send("GET", address, headers=headers)).body == seen


@pytest.mark.security
async def test_a_header_of_ones_own_does_not_go_from_one_port_to_another(encrypted: str, server: str) -> None:
    with anyio.fail_after(20):
        reply = await HttpClient().send("GET", f"{server}/to?{encrypted}/whoami", headers={"X-Token": "secret"})
    assert reply.body.startswith(b"-|")


@pytest.mark.security
@pytest.mark.parametrize("path", ["large", "bomb"])
async def test_more_bytes_than_asked_for_are_refused_also_when_they_come_compressed(server: str, path: str) -> None:
    with pytest.raises(PayloadError, match="more than 100000 bytes"):
        await get(f"{server}/{path}")


@pytest.mark.security
async def test_what_is_compressed_is_not_unpacked_beyond_what_was_asked_for(server: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(PayloadError):
            await get(f"{server}/bomb")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


async def test_exactly_as_many_bytes_as_allowed_are_fine(server: str) -> None:
    assert len((await get(f"{server}/large", limit=200_000)).body) == 200_000


@pytest.mark.parametrize("path", ["broken", "cut", "strange", "short"])
async def test_an_answer_that_breaks_off_or_cannot_be_read_is_a_link_error(server: str, path: str) -> None:
    with pytest.raises(LinkError, match="got no answer") as caught:
        await get(f"{server}/{path}")
    assert caught.value.retryable
    assert caught.value.remedies


async def test_a_server_that_says_nothing_is_left_after_the_deadline(server: str) -> None:
    with pytest.raises(LinkError, match=r"it took more than 0\.2 seconds"):
        await get(f"{server}/silent", timeout=0.2)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "nonsense", "ftp://127.0.0.1/", "http://[::1", "http://a:b/", "http://\x00/", ""]
)
async def test_an_address_where_nobody_answers_or_that_is_none_is_a_link_error(url: str) -> None:
    with pytest.raises(LinkError, match="got no answer"):
        await get(url)


@pytest.mark.security
async def test_errors_do_not_repeat_user_password_or_query(server: str) -> None:
    address = server.removeprefix("http://")
    with pytest.raises(PayloadError) as large:
        await get(f"http://user:hunter2@{address}/large?key=hunter3#hunter4")
    with pytest.raises(LinkError) as silent:
        await get(f"http://user:hunter2@{address}/silent?key=hunter3", timeout=0.1)
    for caught in (large, silent):
        assert f"{server}/" in str(caught.value)
        assert "hunter" not in str(caught.value)


async def test_waiting_can_be_cancelled(server: str) -> None:
    with anyio.fail_after(20):
        with anyio.move_on_after(0.1) as scope:
            await HttpClient().send("GET", f"{server}/silent")
        assert scope.cancelled_caught


def test_it_shows_its_timeout() -> None:
    assert repr(HttpClient(timeout=3)) == "HttpClient(timeout=3)"
