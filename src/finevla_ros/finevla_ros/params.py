"""ROS parameters from one frozen dataclass per node: type, bounds and a sentence, visible in `ros2 param describe`."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from finevla_core.errors import FineVLAError

T = TypeVar("T")


@dataclass(frozen=True)
class _Meta:
    text: str
    low: float | None
    high: float | None
    is_fixed: bool = True


def param(
    default: Any, text: str, low: float | None = None, high: float | None = None, *, is_fixed: bool = True
) -> Any:
    """A dataclass field that is a ROS parameter: default, one sentence, inclusive bounds for numbers.

    It is read-only unless `is_fixed` is False; then who needs its newest value asks the node.
    """
    meta = {"param": _Meta(text, low, high, is_fixed)}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=meta)
    return field(default=default, metadata=meta)


def declare[T](node: Node, cls: type[T]) -> T:
    """Declare every field of `cls` on `node` and return the values given; raises `FineVLAError` naming the parameter.

    From then on nobody changes the node's clock either: `use_sim_time`, which rclpy declares, is no read-only parameter.
    """
    values: dict[str, Any] = {}
    for f in fields(cls):  # type: ignore[arg-type]
        meta: _Meta = f.metadata["param"]
        default = f.default if f.default is not MISSING else f.default_factory()  # type: ignore[misc]
        descriptor = ParameterDescriptor(description=meta.text, read_only=meta.is_fixed)
        if isinstance(default, float) and meta.low is not None and meta.high is not None:
            descriptor.floating_point_range = [FloatingPointRange(from_value=meta.low, to_value=meta.high)]
        elif (
            isinstance(default, int)
            and not isinstance(default, bool)
            and meta.low is not None
            and meta.high is not None
        ):
            descriptor.integer_range = [IntegerRange(from_value=int(meta.low), to_value=int(meta.high))]
        try:
            values[f.name] = node.declare_parameter(f.name, default, descriptor).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            bounds = f" between {meta.low} and {meta.high}" if meta.low is not None else ""
            raise FineVLAError(
                f"parameter '{f.name}' of node '{node.get_name()}' must be a {type(default).__name__}{bounds}: {error}"
            ) from error
    node.add_on_set_parameters_callback(_refuse_another_clock)
    return cls(**values)


def _refuse_another_clock(parameters: Sequence[Parameter]) -> SetParametersResult:
    if any(parameter.name == "use_sim_time" for parameter in parameters):
        return SetParametersResult(successful=False, reason="use_sim_time is set when the node is started, not later")
    return SetParametersResult(successful=True)
