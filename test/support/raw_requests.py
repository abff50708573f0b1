"""Requests to services as bytes: what a ROS client cannot send, for it makes a message first.

A client of the same service is made, found by the server, and never used. Its requests are written by hand, as RTPS packets
over UDP that bear the identity of its writer (DDS-RTPS 2.3, 8.3.7 and 9.4), so that the server takes them for the client's.
"""

import itertools
import os
import socket
import struct
import time
from typing import Any

from rclpy.node import Node

PORTS, DOMAIN_PORTS, UNICAST, PARTICIPANTS = 7400, 250, 11, 64  # DDS-RTPS 9.6.1.1
MOST_BYTES = 60_000  # of a request: one UDP datagram
FOUND_S, POLL_S = 30.0, 0.02


class RawRequests:
    """Sends bytes as requests to one service; the server must hear by UDP on this machine."""

    def __init__(self, node: Node, kind: Any, service: str) -> None:
        self._node = node
        self._client = node.create_client(kind, service)
        until_s = time.monotonic() + FOUND_S
        while not self._client.service_is_ready():
            if time.monotonic() > until_s:
                raise TimeoutError(f"no server of {service}")
            time.sleep(POLL_S)
        guid = bytes(self._endpoint(f"rq{service}Request").endpoint_gid)[:16]
        self._prefix, self._writer = guid[:12], guid[12:]
        self._numbers = itertools.count(1)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ports = _listening_ports()

    def _endpoint(self, topic: str) -> Any:
        own = self._node.get_name()
        infos = self._node.get_publishers_info_by_topic(topic, no_mangle=True)
        return next(info for info in infos if info.node_name == own)

    def send(self, request: bytes) -> None:
        """Send a serialized request, or what is none; what does not go into one packet is cut."""
        packet = _packet(self._prefix, self._writer, next(self._numbers), request[:MOST_BYTES])
        for port in self._ports:
            self._socket.sendto(packet, ("127.0.0.1", port))

    def close(self) -> None:
        """Leave the graph."""
        self._socket.close()
        self._node.destroy_client(self._client)


def _packet(prefix: bytes, writer: bytes, number: int, payload: bytes) -> bytes:
    """A heartbeat by which everything before is gone, so that nothing is waited for, and the data."""
    reader = bytes(4)  # all that are matched
    sequence = struct.pack("<iI", number >> 32, number & 0xFFFFFFFF)
    count = struct.pack("<I", (number + 1_000) & 0x7FFFFFFF)
    beat = reader + writer + sequence + sequence + count
    data = struct.pack("<HH", 0, 16) + reader + writer + sequence + payload
    data += bytes(-len(data) % 4)
    return (
        b"RTPS\x02\x03\x01\x0f"
        + prefix
        + struct.pack("<BBH", 0x07, 0x01 | 0x02, len(beat))
        + beat
        + struct.pack("<BBH", 0x15, 0x01 | 0x04, len(data))
        + data
    )


def _listening_ports() -> list[int]:
    """Ports at which participants of this domain hear data."""
    first = PORTS + DOMAIN_PORTS * int(os.environ.get("ROS_DOMAIN_ID", "0")) + UNICAST
    own = {first + 2 * participant for participant in range(PARTICIPANTS)}
    with open("/proc/net/udp", encoding="ascii") as table:
        bound = {int(line.split()[1].split(":")[1], 16) for line in list(table)[1:]}
    return sorted(own & bound)
