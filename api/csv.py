"""One line of CSV."""

import csv
import io


def csv_line(cells: tuple[object, ...]) -> bytes:
    """The cells as RFC 4180 has them, None as nothing."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
