"""What is read ahead of paho comes out whole, in order, and is not forgotten."""

import socket
from collections.abc import Iterator

import pytest

from bridge.read_ahead import ReadAhead


class Counted:
    """A socket that counts how often it was asked."""

    def __init__(self, sock: socket.socket) -> None:
        self.asked = 0
        self._sock = sock
        self.send, self.close, self.fileno, self.setblocking = sock.send, sock.close, sock.fileno, sock.setblocking

    def recv(self, size: int) -> bytes:
        self.asked += 1
        return self._sock.recv(size)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Counted, ReadAhead]]:
    there, here = socket.socketpair()
    here.setblocking(False)
    counted = Counted(here)
    yield there, counted, ReadAhead(counted)
    there.close()
    here.close()


def test_many_small_reads_are_one_of_the_socket(pair: tuple[socket.socket, Counted, ReadAhead]) -> None:
    there, counted, sock = pair
    there.sendall(b"\x32\x05hello\x40")
    assert [sock.recv(size) for size in (1, 1, 5)] == [b"\x32", b"\x05", b"hello"]
    assert (counted.asked, sock.pending()) == (1, 1)
    assert sock.recv(100) == b"\x40"
    assert sock.pending() == 0


def test_nothing_there_and_the_end_are_told_as_a_socket_does(pair: tuple[socket.socket, Counted, ReadAhead]) -> None:
    there, _, sock = pair
    with pytest.raises(BlockingIOError):
        sock.recv(1)
    there.sendall(b"last")
    there.close()
    assert (sock.recv(2), sock.recv(9), sock.recv(1)) == (b"la", b"st", b"")
