"""Sixteen numbers at once: vector types for numba, so that a loop is vectorised because it says so.

`lanes` are float32, `wide` ones float64, and a comparison makes a `mask`. A processor without 512-bit registers is given
two or four of its own. What is compiled elsewhere from these functions is cached under the caller's file: after a change
here, change the caller too.
"""
# mypy: allow-untyped-decorators

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 16
CONTRACT = ("contract",)  # a product and a sum may become one instruction; inf and NaN keep their meaning


class _Lanes(types.Type):  # type: ignore[misc]
    def __init__(self, element: ir.Type) -> None:
        self.form = ir.VectorType(element, WIDTH)
        super().__init__(f"Lanes({self.form})")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, kind.form)


lanes, wide, mask = _Lanes(ir.FloatType()), _Lanes(ir.DoubleType()), _Lanes(ir.IntType(1))
OF = {types.float32: lanes, types.float64: wide}


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), OF[kind.dtype].form.as_pointer())


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """`array[index : index + 16]` of a flat array; no bound is checked."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, signature.args[0], *args), align=4)

    return OF[array.dtype](array, types.intp), code


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index : index + 16] = value`; no bound is checked."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, signature.args[0], *args[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, OF[array.dtype]), code


@intrinsic
def spread(typing: Any, value: Any) -> Any:
    """One float32 in all lanes."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        nothing, zeros = ir.Constant(lanes.form, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None)
        first = builder.insert_element(nothing, args[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, nothing, zeros)

    return lanes(types.float32), code


@intrinsic
def where(typing: Any, chosen: Any, value: Any, other: Any) -> Any:
    """`value` in the lanes that are `chosen`, elsewhere `other`."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return value(mask, value, value), code


@intrinsic
def widened(typing: Any, value: Any) -> Any:
    """Convert the float32 lanes to float64."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fpext(args[0], wide.form)

    return wide(lanes), code


def _function(name: str) -> Any:
    @intrinsic
    def call(typing: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(lanes.form, [lanes.form])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v16f32"), args)

        return lanes(lanes), code

    return call


root, size = _function("sqrt"), _function("fabs")


def _operator(symbol: Callable[[Any, Any], Any], emit: Callable[[Any, Any], Any], compares: bool = False) -> None:
    @intrinsic
    def call(typing: Any, left: Any, right: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return emit(builder, args)

        return (mask if compares else left)(left, left), code

    @overload(symbol)
    def both(left, right):  # type: ignore[no-untyped-def]  # numba compares the signatures, annotations too
        return (lambda left, right: call(left, right)) if left == right and left in (lanes, wide) else None


_operator(operator.add, lambda builder, args: builder.fadd(*args, flags=CONTRACT))
_operator(operator.sub, lambda builder, args: builder.fsub(*args, flags=CONTRACT))
_operator(operator.mul, lambda builder, args: builder.fmul(*args, flags=CONTRACT))
_operator(operator.lt, lambda builder, args: builder.fcmp_ordered("<", *args), compares=True)
