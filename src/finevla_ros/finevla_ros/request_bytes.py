"""Taking a request to a service as bytes, as topics are heard: looked at before the middleware makes a message of them.

rcl has no function for that. So a service is made with the type support of its kind but for one function: that which reads a
request keeps the bytes and reads nothing. Whoever takes gets an empty request, and makes the real one of the bytes.
"""

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from rclpy._rclpy_pybind11 import Service as Handle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import qos_profile_services_default
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.service import Service
from rclpy.type_support import check_for_type_support

from finevla_ros.bounded_subscriptions import read
from finevla_ros.unlocked_take import HugeMessage

SUPPORT = b"rosidl_typesupport_fastrtps_c"
MOST_BYTES = 1 << 32  # of anything
Pointer = ctypes.c_void_p


class _ServiceSupport(ctypes.Structure):
    """A service's type support, as rosidl has it: rosidl_service_type_support_t."""

    _fields_ = [("identifier", ctypes.c_char_p), ("data", Pointer), ("find", Pointer), ("rest", Pointer * 8)]


class _ServiceFunctions(ctypes.Structure):
    """What Fast DDS knows of a service: service_type_support_callbacks_t."""

    _fields_ = [("namespace", ctypes.c_char_p), ("name", ctypes.c_char_p), ("request", Pointer), ("response", Pointer)]


class _MessageSupport(ctypes.Structure):
    """A message's type support, as rosidl has it: rosidl_message_type_support_t."""

    _fields_ = [("identifier", ctypes.c_char_p), ("data", Pointer), ("rest", Pointer * 4)]


class _MessageFunctions(ctypes.Structure):
    """How Fast DDS writes and reads a message: message_type_support_callbacks_t."""

    _fields_ = [
        ("namespace", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("write", Pointer),
        ("read", Pointer),
        ("rest", Pointer * 3),
    ]


class _ActionSupport(ctypes.Structure):
    """An action's type support, as rosidl has it: rosidl_action_type_support_t."""

    _fields_ = [("goal", Pointer), ("rest", Pointer * 7)]


class _CdrState(ctypes.Structure):
    """eprosima::fastcdr::Cdr, of which functions tell all but the end; what they tell shows that it is laid out so."""

    _fields_ = [
        ("before", Pointer * 19),
        ("position", ctypes.c_size_t),
        ("origin", Pointer * 2),
        ("end_begin", ctypes.c_size_t),
        ("end", ctypes.c_size_t),
    ]


Read = ctypes.CFUNCTYPE(ctypes.c_bool, Pointer, Pointer)
Find = ctypes.CFUNCTYPE(Pointer, Pointer, ctypes.c_char_p)


class _Taken(threading.local):
    data: "bytes | HugeMessage | None" = None
    most_bytes = 0


_TAKEN = _Taken()
_KEPT: list[Any] = []  # what C code points at, for as long as the process lives


class BytesHandle(Handle):
    """rclpy's handle of a service; hands over requests that were looked at, or a `HugeMessage` for one that is too large."""

    def __init__(self, node: Node, kind: Any, name: str, most_bytes: int) -> None:
        with node.handle:
            super().__init__(node.handle, checked_kind(kind), name, qos_profile_services_default.get_c_qos_profile())
        self._most_bytes = most_bytes

    def service_take_request(self, kind: Any) -> tuple[Any, Any]:
        """Return a request and who asks, None twice if there is none; raises `Unreadable` for bytes that are none."""
        with taking(self._most_bytes):
            request, header = super().service_take_request(kind)
            return (request if header is None else looked_at(request, kind)), header


class taking:  # noqa: N801  # reads as what it does
    """Context in which a request is taken by rclpy: `looked_at` gives what it really was."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes

    def __enter__(self) -> None:
        _TAKEN.data, _TAKEN.most_bytes = None, self._most_bytes

    def __exit__(self, *_: object) -> None:
        _TAKEN.data = None


def looked_at(request: Any, kind: Any) -> Any:
    """Return the request that was taken just now in place of the empty one; a `HugeMessage` for one that is too large.

    Raises `Unreadable` for bytes that are none.
    """
    if (data := _TAKEN.data) is None or isinstance(data, HugeMessage):
        return request if data is None else data
    return read(data, kind)


def size_of(request: Any) -> int:
    """Return how many bytes a request has, or had where a `HugeMessage` stands for it."""
    return len(request if isinstance(request, HugeMessage) else serialize_message(request))


def make_service(
    node: Node,
    kind: Any,
    name: str,
    callback: Callable[..., Any],
    most_bytes: int,
    callback_group: CallbackGroup | None = None,
) -> Service:
    """What `Node.create_service` does, with a `BytesHandle`; raises `RuntimeError` where `checked_kind` does."""
    group = callback_group or node.default_callback_group
    service = Service(
        BytesHandle(node, kind, name, most_bytes), kind, name, callback, group, qos_profile_services_default
    )
    group.add_entity(service)
    node._services.append(service)
    node._wake_executor()
    return service


@cache
def checked_kind(kind: Any) -> Any:
    """Return a kind of service, or of action, whose (goal) requests rclpy takes as bytes.

    Raises `RuntimeError` where this ROS has its type support otherwise.
    """
    check_for_type_support(kind)
    _cdr()
    pointer = _capsule_pointer(type(kind)._TYPE_SUPPORT)
    if not hasattr(kind, "Goal"):
        return _with_support(kind, _checked_service(pointer, kind.Request))
    support = _ActionSupport.from_buffer_copy(_ActionSupport.from_address(pointer))
    support.goal = ctypes.addressof(_checked_service(support.goal, kind.Impl.SendGoalService.Request))
    _KEPT.append(support)
    return _with_support(kind, support)


def _checked_service(pointer: int, kind: Any) -> _ServiceSupport:
    found = Find(_ServiceSupport.from_address(pointer).find)(pointer, SUPPORT)
    if not found:
        raise RuntimeError(f"no type support {SUPPORT.decode()}")
    support = _ServiceSupport.from_buffer_copy(_ServiceSupport.from_address(found))
    functions = _ServiceFunctions.from_buffer_copy(_ServiceFunctions.from_address(support.data))
    request = _MessageSupport.from_buffer_copy(_MessageSupport.from_address(functions.request))
    readers = _MessageFunctions.from_buffer_copy(_MessageFunctions.from_address(request.data))
    if readers.name != functions.name + b"_Request" or readers.namespace != functions.namespace:
        raise RuntimeError("the type support of services is laid out otherwise")
    readers.read = ctypes.cast(_keep, Pointer)
    request.data, functions.request = ctypes.addressof(readers), ctypes.addressof(request)
    support.data = ctypes.addressof(functions)
    _KEPT.extend((support, functions, request, readers))
    _try(kind, request)
    return support


@cache
def _cdr() -> tuple[Callable[[int], int], Callable[[int], int]]:
    """Where a Cdr's bytes begin, and where in them it is: functions of libfastcdr."""
    try:
        library = ctypes.CDLL("libfastcdr.so.2")
        found = (
            library["_ZN8eprosima7fastcdr3Cdr18get_buffer_pointerEv"],
            library["_ZN8eprosima7fastcdr3Cdr20get_current_positionEv"],
        )
    except (OSError, AttributeError) as error:
        raise RuntimeError(f"libfastcdr is another one: {error}") from error
    for function in found:
        function.restype, function.argtypes = Pointer, [Pointer]
    return found


@Read
def _keep(cdr: int, _: int) -> bool:
    """What reads a request: keep its bytes."""
    begin_of, position_of = _cdr()
    state, begin = _CdrState.from_address(cdr), begin_of(cdr)
    if (state.position, state.end_begin) != (position_of(cdr), begin) or not 0 <= state.end - begin <= MOST_BYTES:
        return False  # it is laid out otherwise
    size = state.end - begin
    _TAKEN.data = HugeMessage(size) if 0 < _TAKEN.most_bytes < size else ctypes.string_at(begin, size)
    return True


def _try(request: Any, support: _MessageSupport) -> None:
    """Raise `RuntimeError` unless the bytes of a request are kept as they are."""
    check_for_type_support(request)
    sample = serialize_message(request())
    with taking(0):
        try:
            deserialize_message(sample, _with_support(request, support))
        except Exception as error:  # whatever the middleware says of a reader that refuses
            raise RuntimeError("requests are laid out otherwise") from error
        if _TAKEN.data != sample:
            raise RuntimeError("requests are laid out otherwise")


def _with_support(kind: Any, support: ctypes.Structure) -> Any:
    meta = type(type(kind).__name__, (type(kind),), {"_TYPE_SUPPORT": _capsule(support)})
    return meta(kind.__name__, (kind,), {"__slots__": ()})


def _capsule_pointer(capsule: Any) -> int:
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = Pointer, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)))


def _capsule(structure: ctypes.Structure) -> Any:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [Pointer, ctypes.c_char_p, Pointer]
    return new(ctypes.addressof(structure), None, None)
