"""Taking a message's bytes without the interpreter's lock: other threads, the one that hears a stop first of all, go on.

rclpy holds the lock while the middleware copies a message, and while it waits for whoever fills in the next one. With texts of
10 MB that is a tenth of a second and more each time (measured), in which the whole process does nothing. rcl is called by its
C interface here, which ctypes does without the lock; a message that is too large is not copied into the interpreter at all.
"""

import ctypes
import threading
from functools import cache
from typing import Any

from rclpy._rclpy_pybind11 import Subscription as Handle
from rclpy.subscription import Subscription

OK, NOTHING_TAKEN = 0, 401  # RCL_RET_OK, RCL_RET_SUBSCRIPTION_TAKE_FAILED
UNCOUNTED = 2**64 - 1  # RMW_MESSAGE_INFO_SEQUENCE_NUMBER_UNSUPPORTED
FIRST_BYTES, KEPT_BYTES = 4096, 1 << 20  # of a thread's buffer: at first, and kept from one message to the next
BOUND = "most_bytes"  # attribute of a subscription: what is larger comes as `HugeMessage`


class HugeMessage:
    """In place of bytes that nobody may look at: how many there were."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        """Return how many bytes the message has."""
        return self._size


class _Allocator(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("allocate", "deallocate", "reallocate", "zero_allocate", "state")]


class _Array(ctypes.Structure):
    """Bytes as rcl gives them: rcutils_uint8_array_t."""

    _fields_ = [
        ("buffer", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("allocator", _Allocator),
    ]


class _Info(ctypes.Structure):
    """rmw_message_info_t, and some room for what another release adds at its end."""

    _fields_ = [
        ("source_timestamp", ctypes.c_int64),
        ("received_timestamp", ctypes.c_int64),
        ("publication_sequence_number", ctypes.c_uint64),
        ("reception_sequence_number", ctypes.c_uint64),
        ("rest", ctypes.c_uint8 * 128),
    ]


class _Buffer(threading.local):
    """An array for each thread, kept from one message to the next."""

    def __init__(self) -> None:
        self.array: _Array | None = None


class _Rcl:
    """The functions that are called, of the libraries that rclpy has loaded."""

    def __init__(self) -> None:
        rcl, rcutils = ctypes.CDLL("librcl.so"), ctypes.CDLL("librcutils.so")
        self.default_allocator, self.reset_error = rcutils.rcutils_get_default_allocator, rcutils.rcutils_reset_error
        self.default_allocator.restype, self.reset_error.restype = _Allocator, None
        self.init, self.fini = rcutils.rcutils_uint8_array_init, rcutils.rcutils_uint8_array_fini
        self.init.argtypes = [ctypes.POINTER(_Array), ctypes.c_size_t, ctypes.POINTER(_Allocator)]
        self.fini.argtypes = [ctypes.POINTER(_Array)]
        self.take = rcl.rcl_take_serialized_message
        self.take.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Array), ctypes.POINTER(_Info), ctypes.c_void_p]


_BUFFER = _Buffer()


@cache
def rcl_functions() -> _Rcl | None:
    """Return rcl's functions; None where this ROS has them otherwise, and rclpy must take the messages."""
    try:
        return _Rcl() if hasattr(Handle, "pointer") else None
    except (OSError, AttributeError):
        return None


def take_bytes(subscription: Subscription) -> tuple[bytes | HugeMessage, dict[str, Any]] | None:
    """Take the next message of a raw subscription, whose handle is held by the caller, and its info; None if there is none.

    Raises `RuntimeError` where the middleware cannot take it, or where there is no `rcl_functions`.
    """
    if (rcl := rcl_functions()) is None:
        raise RuntimeError("this ROS offers no rcl_take_serialized_message; rclpy must take the message")
    array, info = _array(rcl), _Info()
    result = rcl.take(subscription.handle.pointer, ctypes.byref(array), ctypes.byref(info), None)
    if result == NOTHING_TAKEN:
        rcl.reset_error()
        return None
    if result != OK:
        rcl.reset_error()
        raise RuntimeError(f"rcl_take_serialized_message returned {result}")
    length, most = array.length, getattr(subscription, BOUND, None)
    is_huge = most is not None and length > most
    data = HugeMessage(length) if is_huge else ctypes.string_at(array.buffer, length)
    if array.capacity > KEPT_BYTES:
        rcl.fini(ctypes.byref(array))
        _BUFFER.array = None
    counts = info.publication_sequence_number, info.reception_sequence_number
    published, received = (None if number == UNCOUNTED else number for number in counts)  # as rclpy says it
    return data, {
        "source_timestamp": info.source_timestamp,
        "received_timestamp": info.received_timestamp,
        "publication_sequence_number": published,
        "reception_sequence_number": received,
    }


def _array(rcl: _Rcl) -> _Array:
    if (array := _BUFFER.array) is None:
        array, allocator = _Array(), rcl.default_allocator()
        if rcl.init(ctypes.byref(array), FIRST_BYTES, ctypes.byref(allocator)) != OK:
            rcl.reset_error()
            raise MemoryError("no memory for a message's buffer")
        _BUFFER.array = array
    return array
