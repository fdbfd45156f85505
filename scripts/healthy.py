"""`python healthy.py PORT`: exit 0 if the process on that port is ready, else 1 with its cause. For health checks."""

import json
import sys
from http.client import HTTPConnection, HTTPException

SECONDS = 4


def cause(port: int) -> str | None:
    """What /health/ready says is wrong, None if nothing is."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
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
