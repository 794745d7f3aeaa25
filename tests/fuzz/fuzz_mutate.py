"""Damage to a network's protobuf: graph, nodes, attributes, tensors, names, operator sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import onnx
from fuzz_values import FLOATS, NAMES, integer, integers, pick
from onnx import AttributeProto, TensorProto, helper

Rng: TypeAlias = np.random.Generator
Mutation: TypeAlias = Callable[[onnx.ModelProto, Rng], None]

_OPS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})
_TYPES = sorted(TensorProto.DataType.values())
_KINDS = sorted(AttributeProto.AttributeType.values())


def _node(model: onnx.ModelProto, rng: Rng) -> onnx.NodeProto | None:
    return pick(rng, list(model.graph.node)) if model.graph.node else None


def _tensors(model: onnx.ModelProto) -> list[TensorProto]:
    found = list(model.graph.initializer)
    for node in model.graph.node:
        found.extend(item.t for item in node.attribute if item.HasField("t"))
    return found


def _tensor_names(model: onnx.ModelProto) -> list[str]:
    names = [tensor.name for tensor in model.graph.initializer]
    names += [item.name for item in model.graph.input]
    names += [name for node in model.graph.node for name in node.output]
    return names or ["x"]


def rewire(model: onnx.ModelProto, rng: Rng) -> None:
    """A node reads any tensor: later ones, its own, none."""
    node = _node(model, rng)
    if node is not None and node.input:
        place = int(rng.integers(len(node.input)))
        node.input[place] = pick(rng, [*_tensor_names(model), "", "nowhere"])


def rename_output(model: onnx.ModelProto, rng: Rng) -> None:
    """Two nodes make one tensor, or a node makes what is given."""
    node = _node(model, rng)
    if node is not None and node.output:
        node.output[int(rng.integers(len(node.output)))] = pick(rng, _tensor_names(model))


def hostile_name(model: onnx.ModelProto, rng: Rng) -> None:
    """A name of anything, everywhere that it stands, becomes a hostile one."""
    new = pick(rng, NAMES)
    if rng.random() < 0.3:
        node = _node(model, rng)
        if node is not None:
            node.name = new
        return
    if rng.random() < 0.2:
        model.graph.name = model.producer_name = new
        return
    old = pick(rng, _tensor_names(model))
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for item in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        item.name = new if item.name == old else item.name


def all_nodes_of_one_name(model: onnx.ModelProto, rng: Rng) -> None:
    """Duplicate names."""
    name = pick(rng, NAMES)
    for node in model.graph.node:
        node.name = name


def exchange_op(model: onnx.ModelProto, rng: Rng) -> None:
    """Another op, sometimes of another domain."""
    node = _node(model, rng)
    if node is not None:
        node.op_type = pick(rng, _OPS) if rng.random() < 0.8 else pick(rng, NAMES)
        if rng.random() < 0.1:
            node.domain = pick(rng, ["com.microsoft", "ai.onnx.ml", "ai.onnx", *NAMES])


def exchange_arity(model: onnx.ModelProto, rng: Rng) -> None:
    """Inputs or outputs that are missing, empty or too many."""
    node = _node(model, rng)
    if node is None:
        return
    names = node.input if rng.random() < 0.7 else node.output
    if names and rng.random() < 0.5:
        del names[int(rng.integers(len(names))) :]
    else:
        names.extend([pick(rng, [*_tensor_names(model), ""])] * pick(rng, [1, 2, 2000]))


def drop_node(model: onnx.ModelProto, rng: Rng) -> None:
    """A node is gone, comes twice, or the order is another."""
    nodes = list(model.graph.node)
    if not nodes:
        return
    place = int(rng.integers(len(nodes)))
    match int(rng.integers(3)):
        case 0:
            del nodes[place]
        case 1:
            nodes.append(nodes[place])
        case _:
            nodes = [nodes[int(index)] for index in rng.permutation(len(nodes))]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def attribute_value(model: onnx.ModelProto, rng: Rng) -> None:
    """Awkward numbers in an attribute of the right type."""
    node = _node(model, rng)
    if node is None or not node.attribute:
        return
    item = pick(rng, list(node.attribute))
    item.i = integer(rng)
    item.f = pick(rng, FLOATS)
    if item.ints:
        place = int(rng.integers(len(item.ints)))
        if rng.random() < 0.7:
            item.ints[place] = integer(rng)
        else:
            item.ints[:] = integers(rng)


def attribute_type(model: onnx.ModelProto, rng: Rng) -> None:
    """An attribute of another type, with or without a value of it."""
    node = _node(model, rng)
    if node is None:
        return
    if not node.attribute:
        names = ("kernel_shape", "axis", "pads", "perm", "value", "axes", "group", "alpha", "to")
        node.attribute.append(helper.make_attribute(pick(rng, names), integers(rng) or [1]))
        return
    item = pick(rng, list(node.attribute))
    item.type = pick(rng, _KINDS)
    if rng.random() < 0.5:
        item.i, item.f, item.s = integer(rng), pick(rng, FLOATS), b"\xff\xfe<b>"
        item.ints.extend(integers(rng))
        item.t.CopyFrom(_tensors(model)[0] if _tensors(model) else TensorProto())
    if rng.random() < 0.1:
        node.attribute.append(item)
    if rng.random() < 0.1:
        item.ref_attr_name = "elsewhere"


def attribute_gone(model: onnx.ModelProto, rng: Rng) -> None:
    """A node without its attributes, or with a stranger's name on one."""
    node = _node(model, rng)
    if node is not None and node.attribute:
        if rng.random() < 0.5:
            del node.attribute[:]
        else:
            node.attribute[0].name = pick(rng, [*NAMES, "value", "axes", "pads", "dilations"])


def tensor_type(model: onnx.ModelProto, rng: Rng) -> None:
    """A tensor whose bytes are said to be of another type."""
    tensors = _tensors(model)
    if tensors:
        pick(rng, tensors).data_type = pick(rng, [*_TYPES, 99, -1])


def tensor_dims(model: onnx.ModelProto, rng: Rng) -> None:
    """A tensor that claims other dimensions: more, fewer, huge, negative."""
    tensors = _tensors(model)
    if not tensors:
        return
    tensor = pick(rng, tensors)
    if tensor.dims and rng.random() < 0.6:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = integer(rng)
    else:
        tensor.dims[:] = integers(rng)
    if rng.random() < 0.3:
        del tensor.float_data[:]
        tensor.raw_data = b""


def tensor_data(model: onnx.ModelProto, rng: Rng) -> None:
    """A tensor with too few bytes, too many, both kinds of them, strings, or data elsewhere."""
    tensors = _tensors(model)
    if not tensors:
        return
    tensor = pick(rng, tensors)
    match int(rng.integers(6)):
        case 0:
            tensor.raw_data = tensor.raw_data[: len(tensor.raw_data) // 2]
        case 1:
            tensor.raw_data += bytes(rng.integers(0, 256, int(rng.integers(1, 50))).tolist())
        case 2:
            tensor.float_data.extend([pick(rng, FLOATS)] * int(rng.integers(1, 9)))
        case 3:
            tensor.string_data.extend([b"a", b"\xff"])
            tensor.data_type = TensorProto.STRING
        case 4:
            tensor.data_location = TensorProto.EXTERNAL
            for key in ("location", "offset", "length", "checksum"):
                text = pick(rng, [*NAMES, "/etc/passwd", "/dev/zero", ".", str(integer(rng))])
                tensor.external_data.add(key=key, value=text)
        case _:
            kind = np.dtype(np.float32)
            values = np.frombuffer(tensor.raw_data[: len(tensor.raw_data) // 4 * 4], kind).copy()
            if len(values):
                values[int(rng.integers(len(values)))] = pick(rng, FLOATS)
                tensor.raw_data = values.tobytes()


def integer_tensor(model: onnx.ModelProto, rng: Rng) -> None:
    """Awkward numbers in a tensor of integers: shapes, axes, pads, indices."""
    tensors = [item for item in _tensors(model) if item.data_type == TensorProto.INT64]
    if not tensors:
        return
    tensor = pick(rng, tensors)
    values = np.frombuffer(tensor.raw_data, np.int64).copy()
    if len(values) and rng.random() < 0.7:
        values[int(rng.integers(len(values)))] = integer(rng)
        tensor.raw_data = values.tobytes()
    else:
        several = integers(rng)
        tensor.dims[:] = [len(several)]
        tensor.raw_data = np.array(several, np.int64).tobytes()


def input_shape(model: onnx.ModelProto, rng: Rng) -> None:
    """An input of another shape, rank or type; or no shape."""
    if not model.graph.input:
        return
    kind = pick(rng, list(model.graph.input)).type.tensor_type
    dims = kind.shape.dim
    match int(rng.integers(5)):
        case 0:
            kind.elem_type = pick(rng, [*_TYPES, 99])
        case 1:
            kind.ClearField("shape")
        case 2 if dims:
            dims[int(rng.integers(len(dims)))].dim_value = integer(rng)
        case 3 if dims:
            dims[int(rng.integers(len(dims)))].dim_param = pick(rng, NAMES)
        case _:
            del dims[:]
            for size in integers(rng)[:9]:
                dims.add().dim_value = size


def more_ends(model: onnx.ModelProto, rng: Rng) -> None:
    """None, two or thousands of inputs or outputs."""
    ends = model.graph.input if rng.random() < 0.5 else model.graph.output
    if rng.random() < 0.3:
        del ends[:]
        return
    for index in range(pick(rng, [1, 2, 5000])):
        name = pick(rng, [f"more{index}", *_tensor_names(model)])
        ends.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3, 4]))


def operator_sets(model: onnx.ModelProto, rng: Rng) -> None:
    """Operator sets and versions that do not exist."""
    version = pick(rng, [0, -1, 1, 7, 8, 9, 10, 11, 12, 13, 14, 18, 20, 21, 24, 999, 1 << 62])
    match int(rng.integers(5)):
        case 0:
            del model.opset_import[:]
        case 1:
            model.opset_import.append(helper.make_opsetid(pick(rng, ["", "ai.onnx"]), version))
        case 2:
            model.ir_version = pick(rng, [0, -1, 1, 3, 4, 10, 13, 999])
        case 3 if model.opset_import:
            model.opset_import[0].domain = pick(rng, [*NAMES, "ai.onnx"])
        case _:
            for item in model.opset_import:
                item.version = version


def extras(model: onnx.ModelProto, rng: Rng) -> None:
    """Sparse tensors, functions that call themselves, nested graphs, wrong value infos."""
    match int(rng.integers(5)):
        case 0:
            sparse = onnx.SparseTensorProto(dims=[integer(rng), integer(rng)])
            sparse.values.name = pick(rng, _tensor_names(model))
            model.graph.sparse_initializer.append(sparse)
        case 1:
            call = helper.make_node("again", ["a"], ["b"], domain="own")
            sets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
            model.functions.append(helper.make_function("own", "again", ["a"], ["b"], [call], sets))
            model.opset_import.append(helper.make_opsetid("own", 1))
            node = _node(model, rng)
            if node is not None:
                node.op_type, node.domain = "again", "own"
        case 2:
            graph = onnx.GraphProto()
            graph.CopyFrom(model.graph)
            for _ in range(pick(rng, [1, 3, 20])):
                outer = onnx.GraphProto()
                outer.node.append(helper.make_node("If", ["c"], ["d"], then_branch=graph))
                outer.output.append(helper.make_tensor_value_info("d", TensorProto.FLOAT, None))
                graph = outer
            model.graph.node.insert(0, graph.node[0])
            if rng.random() < 0.5:
                model.graph.output[:0] = graph.output
        case 3:
            for name in _tensor_names(model)[:5]:
                shape = [integer(rng) for _ in range(4)]
                kind = pick(rng, _TYPES[1:17])
                model.graph.value_info.append(helper.make_tensor_value_info(name, kind, shape))
        case _:
            model.metadata_props.add(key=pick(rng, NAMES), value=pick(rng, NAMES))
            model.doc_string = model.producer_name = pick(rng, NAMES)


def no_graph(model: onnx.ModelProto, rng: Rng) -> None:
    """A file without a graph, or a graph without nodes."""
    if rng.random() < 0.5:
        model.ClearField("graph")
    else:
        del model.graph.node[:]


MUTATIONS: tuple[Mutation, ...] = (
    rewire,
    rename_output,
    hostile_name,
    all_nodes_of_one_name,
    exchange_op,
    exchange_arity,
    drop_node,
    attribute_value,
    attribute_type,
    attribute_gone,
    tensor_type,
    tensor_dims,
    tensor_data,
    integer_tensor,
    input_shape,
    more_ends,
    operator_sets,
    extras,
    no_graph,
)
