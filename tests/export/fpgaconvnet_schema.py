"""The fields of fpgaConvNet's partition files, as protobuf messages that JSON is parsed against.

Names and types were read in the schema of fpgaconvnet-model (2024); JSON does not carry field
numbers, so these are just counted.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_KINDS = {
    "int": _FIELD.TYPE_INT32,
    "float": _FIELD.TYPE_FLOAT,
    "bool": _FIELD.TYPE_BOOL,
    "text": _FIELD.TYPE_STRING,
}
_LABELS = {"!": _FIELD.LABEL_REQUIRED, "?": _FIELD.LABEL_OPTIONAL, "*": _FIELD.LABEL_REPEATED}
LAYER_TYPES = """
    CONVOLUTION POOLING ACTIVATION SQUEEZE INNER_PRODUCT CONCAT BATCH_NORM SPLIT ELTWISE
    AVERAGE_POOLING CONVOLUTION_SPARSE RELU SILU SIGMOID HARD_SIGMOID HARD_SWISH RESIZE CHOP
    THRESHOLDEDRELU
"""

# message -> "kind label name ..." with ! required, ? optional, * repeated
_MESSAGES = {
    "fixed_point": {"int!": "width binary_point"},
    "stream": {"text!": "name", "int!": "coarse buffer_depth", "text?": "node"},
    "parameter": {
        "int?": "buffer_depth batch_size rows_in cols_in channels_in rows_out cols_out "
        "channels_out coarse_in coarse_out coarse coarse_group groups fine filters pad_top "
        "pad_right pad_bottom pad_left kernel_rows kernel_cols stride_rows stride_cols has_bias "
        "biases_width ports_in ports_out on_chip_addr_range off_chip_buffer_size "
        "off_chip_interval stream_weights clusters",
        "int*": "kernel_size stride channels_in_array split",
        "float?": "mem_bw_in mem_bw_out threshold",
        "float*": "scale shift sparsity input_compression_ratio output_compression_ratio "
        "weight_compression_ratio",
        "bool?": "use_uram block_floating_point skipping_windows skip_all_zero_window",
        "bool*": "stream_inputs stream_outputs",
        "text?": "weights_ram_style",
        "fixed_point?": "data_t weight_t acc_t input_t output_t",
    },
    "layer": {
        "text!": "name onnx_node",
        "layer_type!": "type",
        "text?": "op_type weights_path bias_path",
        "stream*": "streams_in streams_out",
        "parameter!": "parameters",
    },
    "partition": {
        "int!": "id ports batch_size weights_reloading_factor",
        "text!": "weights_reloading_layer",
        "text*": "input_nodes output_nodes",
        "int?": "gen_last_width",
        "layer*": "layers",
    },
    "partitions": {"partition*": "partition"},
}


def _message_type() -> type[message.Message]:
    file = descriptor_pb2.FileDescriptorProto(name="partitions.proto", syntax="proto2")
    kinds = file.enum_type.add(name="layer_type")
    for number, name in enumerate(LAYER_TYPES.split()):
        kinds.value.add(name=name, number=number)
    for name, groups in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for kind, names in groups.items():
            for field in names.split():
                added = made.field.add(name=field, number=len(made.field) + 1)
                added.label = _LABELS[kind[-1]]
                if kind[:-1] in _KINDS:
                    added.type = _KINDS[kind[:-1]]
                else:
                    is_enum = kind[:-1] == "layer_type"
                    added.type = _FIELD.TYPE_ENUM if is_enum else _FIELD.TYPE_MESSAGE
                    added.type_name = f".{kind[:-1]}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("partitions"))


def parse_partitions(text: str) -> message.Message:
    """The file as a message.

    Raises:
        json_format.ParseError: on a field that is unknown or of another type.
        ValueError: if a required field is absent.
    """
    found = json_format.Parse(text, _message_type()())
    if not found.IsInitialized():
        raise ValueError(f"absent: {found.FindInitializationErrors()}")
    return found
