"""One noun a file."""

V1 = "/api/v1"
