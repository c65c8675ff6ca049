"""A certificate that this computer signs itself, for one run of the server."""

import datetime
import ipaddress
import ssl
import tempfile
from pathlib import Path

from keras_dynres.errors import DynresError
from keras_dynres_cli.phone import address

_NAME = "keras-dynres phone"


def context(host: str) -> ssl.SSLContext:
    """What a server needs to speak TLS as `host`, localhost and 127.0.0.1.

    Key and certificate are new, and on the disk only for the moment in which OpenSSL
    reads them.

    Args:
        host: An IP address, or a name.

    Example:

    ```python
    socket = context("192.168.1.7").wrap_socket(socket, server_side=True)
    ```
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # The module loads from paths alone; the folder is for this user's eyes only.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.pem"
        path.write_bytes(_signed(host))
        made.load_cert_chain(path)
    return made


def _signed(host: str) -> bytes:
    """A key and its certificate, in PEM."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise DynresError(address.MISSING) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
    # A phone's clock may be behind.
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    hosts = dict.fromkeys((host, "localhost", address.LOOPBACK))
    usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + 30 * day)
        .add_extension(x509.SubjectAlternativeName(map(_general, hosts)), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(usage, False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _general(host: str) -> object:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
