"""What is read ahead of paho comes out whole, in order, and is not forgotten."""

import socket
from collections.abc import Iterator

import pytest
from paho.mqtt.client import PINGREQ, PUBACK
from paho.mqtt.enums import CallbackAPIVersion

from bridge.read_ahead import ReadAhead, ReadAheadClient


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


class Narrow:
    """A socket that takes so many bytes of each send."""

    def __init__(self, *takes: int) -> None:
        self.takes, self.sent = list(takes), list[bytes]()

    def send(self, data: bytes) -> int:
        if not self.takes:
            raise BlockingIOError
        self.sent.append(bytes(data[: self.takes.pop(0)]))
        return len(self.sent[-1])

    def close(self) -> None:
        """paho's client closes what it has when it goes."""

    def fileno(self) -> int:
        return -1


def writing(sock: Narrow, *acks: int) -> ReadAheadClient:
    """A client that these acks wait in."""
    client = ReadAheadClient(CallbackAPIVersion.VERSION2, client_id="b", manual_ack=True)
    client.on_socket_register_write = lambda *_: None  # whoever watches the socket writes, not who queues
    client._sock = sock  # type: ignore[assignment]
    for mid in acks:
        client._send_command_with_mid(PUBACK, mid, 0)
    return client


def test_acks_that_wait_go_out_together() -> None:
    sock = Narrow(100)
    client = writing(sock, 1, 2, 3)
    client._packet_write()
    assert sock.sent == [b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"]
    assert not client.want_write()


def test_what_the_socket_does_not_take_comes_first_the_next_time() -> None:
    sock = Narrow(6)
    client = writing(sock, 1, 2)
    client._packet_write()
    assert (b"".join(sock.sent), client.want_write()) == (b"\x40\x02\x00\x01\x40\x02", True)
    client._send_command_with_mid(PUBACK, 3, 0)
    client._send_simple_command(PINGREQ)
    sock.takes = [100] * 9
    client._packet_write()
    assert b"".join(sock.sent) == b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03\xc0\x00"
