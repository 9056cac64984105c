"""A network in ONNX."""

from __future__ import annotations

from typing import Any


def multiplied(factor: float) -> Any:
    """A network that multiplies rows of four numbers."""
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 4]) for n in ("x", "y")]
    constant = helper.make_tensor("factor", TensorProto.FLOAT, [1], [float(factor)])
    node = helper.make_node("Mul", ["x", "factor"], ["y"])
    graph = helper.make_graph([node], "graph", value[:1], value[1:], [constant])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
