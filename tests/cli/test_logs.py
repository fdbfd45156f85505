from pathlib import Path

from cli.logs import last_line, rotate


def test_a_log_that_grew_too_large_starts_again_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old " * 10 + b"newest")
        assert rotate(log, most=6)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "x.log.1").read_bytes() == b"newest"
    assert not rotate(log, most=6)
    assert not rotate(tmp_path / "none.log")


def test_the_last_line_is_of_this_run(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("earlier\n")
    assert last_line(log) == "earlier"
    assert last_line(log, 8) == ""
    log.write_text("earlier\nfirst\nlast\n\n")
    assert last_line(log, 8) == "last"
