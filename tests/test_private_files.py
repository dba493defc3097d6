"""Files with secrets that other users can read or write."""

import logging

import pytest
import trustme

from proxim import private_files
from proxim.cli.identity import load_identity
from proxim.ice import ConfiguredIce, IceOptions
from proxim.net.tls import load_certificate
from proxim.private_files import access_of_others, check_private
from proxim.protocol.errors import InvalidSetting

pytestmark = pytest.mark.not_on("win32", reason="files have no POSIX modes")


@pytest.fixture(autouse=True)
def forget():
    private_files._warn.cache_clear()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hush")
    return path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660, 0o400])
def test_file_of_one_user_or_group_is_accepted(secret, caplog, mode):
    secret.chmod(mode)
    check_private("turn_secret_file", secret)
    assert caplog.records == []


def test_file_that_all_can_read_is_warned_about_once(secret, caplog):
    secret.chmod(0o644)
    for _ in range(3):
        check_private("turn_secret_file", secret)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(
        f"turn_secret_file: all users of this machine can read {secret}"
    )


def test_missing_file_is_left_to_its_reader(tmp_path):
    assert access_of_others(tmp_path / "none") == 0


def turn_secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hush")
    return path, lambda: ConfiguredIce(IceOptions(turn=("turn:a",), turn_secret_file=str(path)))


def tls_key(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = trustme.CA().issue_cert("node.example")
    made.cert_chain_pems[0].write_to_path(cert)
    made.private_key_pem.write_to_path(key)
    return key, lambda: load_certificate(str(cert), str(key))


def identity(tmp_path):
    path = tmp_path / "identity.json"
    load_identity(path)
    return path, lambda: load_identity(path)


@pytest.mark.parametrize("kind", [turn_secret, tls_key, identity])
def test_secret_key_that_all_can_write_is_refused(tmp_path, kind):
    path, read = kind(tmp_path)
    path.chmod(0o600)
    read()
    path.chmod(0o666)
    with pytest.raises(InvalidSetting, match="all users of this machine can write") as caught:
        read()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("kind", [turn_secret, tls_key, identity])
def test_secret_key_that_all_can_read_is_warned_about(tmp_path, caplog, kind):
    path, read = kind(tmp_path)
    path.chmod(0o644)
    read()
    read()
    assert [str(path) in each.getMessage() for each in caplog.records] == [True]


def test_identity_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "identity.json"
    made = load_identity(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_identity(path) == made
