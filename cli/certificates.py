"""An authority of our own, the certificates it signs for every server of the stack, and one of clients. All on P-256.

P-256 is among what Shelly's gateways take (Shelly's knowledge base, "Supported Certs and Config"). An authority lives
for twenty years, since each gateway holds it, a certificate for five: `bluflow secrets init` makes it anew when its two
files are taken away.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 20 * 365
SERVER_DAYS = 5 * 365
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both in PEM form."""

    certificate: str
    key: str


def authority(now: datetime) -> Pair:
    """A new authority; it may sign servers only, no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bluflow authority")])
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def server(signer: Pair, names: Iterable[str], now: datetime) -> Pair:
    """A certificate for a server that is reached under those host names and addresses, the first one its own.

    It may be shown as a client's too: nodes of one cluster show it to each other. Raises ValueError for an authority
    that cannot be read or a name that no certificate can hold.
    """
    try:
        issuer = x509.load_pem_x509_certificate(signer.certificate.encode())
        issuer_key = load_pem_private_key(signer.key.encode(), None)
    except (ValueError, TypeError):  # TypeError: the key has a password
        raise ValueError("the authority's ca.crt or ca.key is no PEM file without password: bring it back") from None
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ValueError("its key is not on an elliptic curve")
    key, several = ec.generate_private_key(ec.SECP256R1()), list(dict.fromkeys(names))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, several[0])])
    certificate = (
        _builder(subject, issuer.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in several]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pem(certificate, key)


def client(name: str, now: datetime) -> Pair:
    """What clients of a server show that shall let in nobody else: the server is given this very certificate.

    It is its own authority. Whatever `authority` signed is none of it, so another server's key opens nothing.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(own, own, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def ends(certificate: str) -> datetime:
    """When a PEM certificate is no longer believed. Raises ValueError if it is none."""
    return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc


def is_for(certificate: str, name: str) -> bool:
    """Whether a PEM certificate is for that host name or address. Raises ValueError if it is none."""
    extensions = x509.load_pem_x509_certificate(certificate.encode()).extensions
    try:
        return _general_name(name) in extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:  # one of one's own, which names nobody
        return False


def today() -> datetime:
    """Now, as certificates count time."""
    return datetime.now(UTC)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(certificate.public_bytes(Encoding.PEM).decode(), private.decode())
