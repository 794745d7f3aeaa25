"""Shape inference: the feature map that an op makes of its input maps."""

from __future__ import annotations

from collections.abc import Sequence

from . import ops
from .errors import GraphError
from .values import FeatureMap


def _windowed(
    op: ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d, source: FeatureMap, channels: int
) -> FeatureMap:
    top, left, bottom, right = op.pads
    height = (source.height + top + bottom - op.extent[0]) // op.stride[0] + 1
    width = (source.width + left + right - op.extent[1]) // op.stride[1] + 1
    if height < 1 or width < 1:
        raise GraphError(
            f"window {op.extent} with pads {op.pads} does not fit a {source} feature map"
        )
    return FeatureMap(height, width, channels)


def _broadcast(sources: Sequence[FeatureMap], name: str) -> FeatureMap:
    first, second = sources
    if first == second:
        return first
    if first.channels == second.channels:
        if second.pixels == 1:
            return first
        if first.pixels == 1:
            return second
    raise GraphError(f"{name}: shapes {first} and {second} do not match (equal, or one 1x1xC)")


def _concat(sources: Sequence[FeatureMap]) -> FeatureMap:
    sizes = {(source.height, source.width) for source in sources}
    if len(sizes) != 1:
        raise GraphError(f"Concat: maps differ in height or width: {[str(s) for s in sources]}")
    first = sources[0]
    return FeatureMap(first.height, first.width, sum(source.channels for source in sources))


def _sliced(op: ops.Slice, source: FeatureMap) -> FeatureMap:
    for span, size in zip(
        (op.rows, op.columns, op.channels),
        (source.height, source.width, source.channels),
        strict=True,
    ):
        if span.stop > size:
            raise GraphError(f"Slice {span} exceeds a {source} feature map")
    return FeatureMap(op.rows.count, op.columns.count, op.channels.count)


# Words of a frame: 1 GiB as float32, 64 channels at 2048 x 2048. A network that needs more is
# taken for a mistake in the file, before anything of that size is made.
MOST_FRAME_WORDS = 1 << 28
MOST_CHANNELS = 1 << 24


def check_map(out: FeatureMap, frames: int = 1) -> None:
    """Refuse a feature map of absurd size.

    Args:
        out: the map.
        frames: that a file processes at once.

    Raises:
        GraphError: if it is one.
    """
    if out.words * frames > MOST_FRAME_WORDS or out.channels > MOST_CHANNELS:
        batch = f"{frames} frames of a" if frames > 1 else "a"
        raise GraphError(
            f"{batch} {out} (HxWxC) feature map, expected at most {MOST_FRAME_WORDS} words and "
            f"{MOST_CHANNELS} channels"
        )


def _reordered(op: ops.Reordering, source: FeatureMap) -> FeatureMap:
    match op:
        case ops.Shuffle():
            if source.channels % op.groups:
                raise GraphError(f"Shuffle: {op.groups} groups do not divide {source.channels}")
            return source
        case ops.Upsample():
            channels = source.channels
        case ops.DepthToSpace():
            channels, rest = divmod(source.channels, op.factor[0] * op.factor[1])
            if rest:
                raise GraphError(
                    f"DepthToSpace: factor {op.factor} does not divide {source.channels} channels"
                )
    return FeatureMap(source.height * op.factor[0], source.width * op.factor[1], channels)


def arity(op: ops.Op) -> tuple[int, int | None]:
    """Smallest and largest (None: any) number of inputs."""
    match op:
        case ops.Input():
            return 0, 0
        case ops.Add() | ops.Mul():
            return 2, 2
        case ops.Concat():
            return 1, None
        case _:
            return 1, 1


def output_map(op: ops.Op, sources: Sequence[FeatureMap]) -> FeatureMap:
    """The op's output feature map.

    Args:
        op: any op but ``Input``, whose map is given by the model.
        sources: input maps in port order.

    Raises:
        GraphError: if the number of inputs or their shapes do not fit the op.
    """
    low, high = arity(op)
    if len(sources) < low or (high is not None and len(sources) > high):
        raise GraphError(f"{ops.op_name(op)} takes {low}..{high} inputs, got {len(sources)}")
    match op:
        case ops.Input():
            raise GraphError("Input has no shape to infer")
        case ops.Conv2d():
            if sources[0].channels % op.groups:
                raise GraphError(
                    f"Conv2d: {op.groups} groups do not divide {sources[0].channels} channels"
                )
            return _windowed(op, sources[0], op.out_channels)
        case ops.MaxPool2d() | ops.AvgPool2d():
            return _windowed(op, sources[0], sources[0].channels)
        case ops.GlobalAvgPool():
            return FeatureMap(1, 1, sources[0].channels)
        case ops.Add() | ops.Mul():
            return _broadcast(sources, ops.op_name(op))
        case ops.Concat():
            return _concat(sources)
        case ops.PRelu():
            if len(op.slopes) != sources[0].channels:
                raise GraphError(
                    f"PRelu: {len(op.slopes)} slopes for {sources[0].channels} channels"
                )
            return sources[0]
        case ops.Slice():
            return _sliced(op, sources[0])
        case ops.Pad():
            top, left, bottom, right = op.pads
            source = sources[0]
            return FeatureMap(
                source.height + top + bottom,
                source.width + left + right,
                source.channels + op.channels_front + op.channels_back,
            )
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            return _reordered(op, sources[0])
        case _:
            return sources[0]
