"""`python healthy.py PORT`: exit 0 if the process on that port is ready, else 1 with its cause. For health checks.

Where BLUFLOW_TLS_CERTIFICATE_FILE is set it asks over TLS, and the page must show that very certificate.
"""

import json
import os
import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection

SECONDS = 4


def connect(port: int, certificate: str) -> HTTPConnection:
    """A connection to be made to that port. Raises OSError for a certificate that cannot be read."""
    if not certificate:
        return HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not have signed itself
    context.check_hostname = False
    return HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)


def cause(port: int) -> str | None:
    """What /health/ready says is wrong, None if nothing is."""
    certificate = os.environ.get("BLUFLOW_TLS_CERTIFICATE_FILE", "")
    try:
        connection = connect(port, certificate)
    except OSError as error:
        return f"{certificate}: {error}"
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, HTTPException) as error:
        return f"no answer: {error}"
    finally:
        connection.close()
    if answer.status == 200:
        return None
    try:
        answered = json.loads(text)
        return str(answered.get("cause") or answered["detail"])  # the API speaks problem+json
    except (ValueError, KeyError, AttributeError):
        return f"status {answer.status}"


if __name__ == "__main__":
    wrong = cause(int(sys.argv[1]))
    if wrong is not None:
        sys.exit(wrong)
