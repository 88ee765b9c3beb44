#!/usr/bin/env python3
"""Writes what PyTorch makes of every tensor operation: values, gradients, gradients of gradients.

    .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_tensors.py

tensors.json lists the cases, tensors.safetensors holds their arrays; README.md says what the fields mean. PyTorch
computes in Float64 from inputs that are exact in Float32. Arrays have Mirage's layouts: images N H W C, sequences
N L C, weights as in PyTorch. Every case draws from a seed of its own name, so a new case changes no other.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save

HERE = Path(__file__).resolve().parent
MARGIN = 4  # PyTorch's own Float32 must be within the tolerance this many times over
PLAIN, PRODUCT, NORMALISED = 1e-5, 5e-5, 1e-4
cases, arrays = [], {}


# Inputs: functions from (random, shape). None comes near a kink.


def normal(random, shape):
    return random.normal(0, 1, shape)


def signed(random, shape):
    """0.2 to 2 on either side of zero."""
    return random.uniform(0.2, 2, shape) * random.choice([-1, 1], shape)


def positive(random, shape):
    return random.uniform(0.3, 2.5, shape)


def distinct(random, shape):
    """No two values closer than 0.05, for maxima."""
    count = math.prod(shape)
    return (random.permutation(count) - count / 2).reshape(shape) * 0.05


def mask(random, shape):
    return random.integers(0, 2, shape)


def case(name, operation, inputs, function, attributes={}, tolerance=PLAIN, constant=(), output_only=False, also=()):
    """`inputs`: (generator, shape) pairs or arrays. `constant`: the inputs without a gradient. `also`: names of what
    `function` returns after its first value."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    values = [each[0](random, each[1]) if isinstance(each, tuple) else np.array(each) for each in inputs]
    values = [np.asarray(value, np.float32) for value in values]
    tracked = [i for i in range(len(values)) if i not in constant and not output_only]
    shape = first(function(*map(torch.tensor, values))).shape
    seed = np.asarray(random.normal(0, 1, shape), np.float32)
    directions = {i: np.asarray(random.normal(0, 1, values[i].shape), np.float32) for i in tracked}
    row = {"name": name, "operation": operation, "attributes": attributes}

    def put(kind, value):
        key = f"{name}/{kind}"
        assert key not in arrays and np.isfinite(value).all(), key
        arrays[key] = np.array(value, np.float32, order="C")
        return key

    exact = differentiate(function, values, tracked, seed, directions, torch.float64)
    rough = differentiate(function, values, tracked, seed, directions, torch.float32)
    for kind, expected in exact.items():
        if expected is not None:
            error = np.max(np.abs(rough[kind] - expected) / (1 + np.abs(expected)), initial=0)
            if error * MARGIN > tolerance:
                print(f"{name} {kind}: Float32 is off by {error:.1e}, tolerance {tolerance}")
    row["inputs"] = [put(f"input{i}", value) for i, value in enumerate(values)]
    row["output"] = put("output", exact["output"])
    if tracked:
        row["seed"] = put("seed", seed)
    for field, kind in [("gradients", "gradient"), ("directions", "direction"), ("second", "second")]:
        exact.update({f"direction{i}": v for i, v in directions.items()})
        named = [f"{kind}{i}" for i in range(len(values))]
        row[field] = [put(each, exact[each]) if exact.get(each) is not None else None for each in named]
    for kind in also:
        row.setdefault("also", {})[kind] = put(kind, exact[f"also{also.index(kind)}"])
    cases.append({**row, "tolerance": tolerance})


def first(result):
    return result[0] if isinstance(result, tuple) else result


def differentiate(function, values, tracked, seed, directions, precision):
    inputs = [torch.tensor(value, dtype=precision, requires_grad=i in tracked) for i, value in enumerate(values)]
    result = function(*inputs)
    output = first(result)
    found = {"output": output}
    if isinstance(result, tuple):
        found.update({f"also{i}": value for i, value in enumerate(result[1:])})
    if tracked:
        wrt = [inputs[i] for i in tracked]
        seed = torch.tensor(seed, dtype=precision)
        gradients = torch.autograd.grad(output, wrt, seed, create_graph=True)
        found.update({f"gradient{i}": gradient for i, gradient in zip(tracked, gradients)})
        total = sum((g * torch.tensor(directions[i], dtype=precision)).sum() for i, g in zip(tracked, gradients))
        if total.requires_grad:
            second = torch.autograd.grad(total, wrt, allow_unused=True)
            found.update({f"second{i}": s for i, s in zip(tracked, second) if s is not None and s.any()})
    return {kind: value.detach().numpy() for kind, value in found.items()}


# Elementwise


def elementwise():
    shape = (3, 7)
    for name, kind, function, attributes in [
        ("exp", normal, torch.exp, {}),
        ("log", positive, torch.log, {}),
        ("sqrt", positive, torch.sqrt, {}),
        ("square", normal, torch.square, {}),
        ("abs", signed, torch.abs, {}),
        ("sign", signed, torch.sign, {}),
        ("reciprocal", signed, torch.reciprocal, {}),
        ("sin", normal, torch.sin, {}),
        ("cos", normal, torch.cos, {}),
        ("tanh", normal, torch.tanh, {}),
        ("sigmoid", normal, torch.sigmoid, {}),
        ("relu", signed, torch.relu, {}),
        ("leaky-relu", signed, lambda x: F.leaky_relu(x, 0.2), {"slope": 0.2}),
        ("silu", normal, F.silu, {}),
        ("softplus", normal, F.softplus, {}),
        ("clamped", signed, lambda x: x.clamp(-1.1, 0.1), {"range": [-1.1, 0.1]}),
        ("negated", normal, torch.neg, {}),
    ]:
        case(name, name, [(kind, shape)], function, attributes)
    # One element, and more than any vector unrolling takes at once.
    case("tanh-one", "tanh", [(normal, (1,))], torch.tanh)
    case("sigmoid-scalar", "sigmoid", [(normal, ())], torch.sigmoid)
    case("exp-257", "exp", [(normal, (257,))], torch.exp)
    case("silu-images", "silu", [(normal, (2, 3, 5, 3))], F.silu)
    large = [[-90.0, -30, -20, -15, -5, 0, 5, 15, 20, 30, 90]]
    for name, function in [("tanh", torch.tanh), ("sigmoid", torch.sigmoid), ("silu", F.silu)]:
        case(f"{name}-large", name, large, function)
    case("softplus-large", "softplus", large, F.softplus)
    for name, exponent, kind in [("square", 2, signed), ("cube", 3, signed), ("root", 0.5, positive),
                                 ("inverse-root", -0.5, positive), ("fraction", 2.3, positive)]:  # fmt: skip
        case(f"pow-{name}", "pow", [(kind, shape)], lambda x, e=exponent: x**e, {"exponent": exponent})
    for name, function in [
        ("add", torch.add), ("subtract", torch.subtract), ("multiply", torch.multiply), ("divide", torch.divide)
    ]:  # fmt: skip
        denominator = signed if name == "divide" else normal
        for kind, a, b in [
            ("same", (2, 3, 4), (2, 3, 4)),
            ("last", (2, 3, 4), (4,)),
            ("last-of-images", (2, 3, 5, 4), (4,)),
            ("first", (5, 1), (5, 3)),
            ("both", (3, 1, 4), (2, 1)),
            ("scalar", (2, 5), ()),
            ("scalar-first", (), (3, 2)),
            ("one", (1,), (4, 3)),
            ("sample-and-channel", (2, 3, 2, 5), (2, 1, 1, 5)),
            ("map", (2, 3, 2, 5), (2, 3, 2, 1)),
        ]:
            case(f"{name}-{kind}", name, [(normal, a), (denominator, b)], function)
    for side in ("left", "right"):
        for name, function in [
            ("add", torch.add), ("subtract", torch.subtract), ("multiply", torch.multiply), ("divide", torch.divide)
        ]:  # fmt: skip
            def with_scalar(x, function=function, side=side):
                scalar = torch.tensor(1.75, dtype=x.dtype)
                return function(scalar, x) if side == "left" else function(x, scalar)

            attributes = {"scalar": 1.75, "side": side}
            case(f"{name}-float-{side}", f"{name}-float", [(signed, shape)], with_scalar, attributes)
    for name, function in [("maximum", torch.maximum), ("minimum", torch.minimum)]:
        near = lambda random, shape: np.round(random.normal(0, 1, shape), 1) + 0.05  # noqa: E731
        whole = lambda random, shape: np.round(random.normal(0, 1, shape), 1)  # noqa: E731
        for kind, a, b in [("same", (3, 5), (3, 5)), ("broadcast", (2, 3, 4), (3, 1))]:
            case(f"{name}-{kind}", name, [(near, a), (whole, b)], function)
    integers = lambda random, shape: random.integers(0, 3, shape)  # noqa: E731
    for name, function in [("is-greater", torch.gt), ("is-less", torch.lt), ("is-equal", torch.eq)]:
        def compare(a, b, function=function):
            return function(a, b).to(a.dtype)

        case(name, name, [(integers, (4, 6)), (integers, (4, 6))], compare, output_only=True)
        case(f"{name}-broadcast", name, [(integers, (2, 3, 4)), (integers, (3, 1))], compare, output_only=True)

    def select(m, a, b):
        return torch.where(m != 0, a, b)

    case("select", "select", [(mask, (4, 5)), (normal, (4, 5)), (normal, (4, 5))], select, constant=[0])


# Shapes


def shapes():
    x = (normal, (2, 3, 4))
    image = (normal, (2, 3, 5, 4))
    case("reshape", "reshape", [x], lambda x: x.reshape(4, 6), {"shape": [4, 6]})
    case("reshape-rest", "reshape", [x], lambda x: x.reshape(2, -1), {"shape": [2, -1]})
    case("reshape-scalar", "reshape", [(normal, (1, 1))], lambda x: x.reshape(()), {"shape": []})
    for permutation in ([1, 0], [2, 0, 1], [0, 2, 1], [0, 3, 1, 2], [3, 1, 0, 2]):
        source = (normal, {2: (3, 5), 3: (2, 3, 4), 4: (2, 3, 5, 4)}[len(permutation)])
        name = "transpose-" + "".join(map(str, permutation))
        case(name, "transpose", [source], lambda x, p=permutation: x.permute(p), {"permutation": permutation})
    for name, source, to in [("first", (4,), [3, 4]), ("inside", (2, 1, 3), [2, 4, 3]), ("scalar", (), [2, 2])]:
        case(f"broadcast-{name}", "broadcast", [(normal, source)], lambda x, to=to: x.expand(to), {"shape": to})
    for axis in (0, 1, 2):
        case(f"flip-{axis}", "flip", [x], lambda x, axis=axis: x.flip(axis), {"axis": axis})
    for axis, others in [
        (0, [(2, 3, 4), (1, 3, 4), (3, 3, 4)]),
        (1, [(2, 1, 4), (2, 2, 4)]),
        (2, [(2, 3, 3), (2, 3, 1)]),
    ]:
        sources = [(normal, other) for other in others]
        case(f"concatenate-{axis}", "concatenate", sources, lambda *x, axis=axis: torch.cat(x, axis), {"axis": axis})
    sources = [(normal, (2, 3, 2, 5)), (normal, (2, 3, 2, 10))]
    case("concatenate-channels", "concatenate", sources, lambda *x: torch.cat(x, 3), {"axis": 3})
    for axis, start, end in [(0, 1, 2), (1, 0, 2), (2, 1, 4), (2, 3, 4)]:
        def slice(x, axis=axis, start=start, end=end):
            return x.narrow(axis, start, end - start)

        case(f"slice-{axis}-{start}-{end}", "slice", [x], slice, {"axis": axis, "range": [start, end]})
    for axis, indices in [(0, [1, 0, 1, 1]), (1, [2, 2, 0]), (2, [3, 1])]:
        def gather(x, axis=axis, indices=indices):
            return x.index_select(axis, torch.tensor(indices))

        case(f"gather-{axis}", "gather", [x], gather, {"axis": axis, "indices": indices})
    for name, source, amounts, value in [
        ("matrix", (3, 4), [(1, 0), (2, 3)], 0),
        ("images", (2, 3, 4, 2), [(0, 0), (1, 2), (3, 0), (0, 0)], 0.5),
        ("all", (2, 3, 2), [(1, 1), (0, 2), (2, 0)], -1.25),
    ]:
        def pad(x, amounts=amounts, value=value):
            return F.pad(x, [n for pair in amounts[::-1] for n in pair], value=value)

        case(f"pad-{name}", "pad", [(normal, source)], pad, {"amounts": amounts, "value": value})
    for name, source, amounts in [
        ("images", image[1], [(1, 2), (3, 0)]),
        ("images-most", (1, 4, 3, 2), [(3, 3), (2, 2)]),
        ("images-same", (2, 4, 6, 3), [(1, 1), (1, 1)]),
        ("sequences", (2, 6, 3), [(2, 5)]),
    ]:
        flat = [n for pair in amounts[::-1] for n in pair]
        function = planar(lambda x, flat=flat: F.pad(x, flat, mode="reflect"))
        case(f"reflection-pad-{name}", "reflection-pad", [(normal, source)], function, {"amounts": amounts})


# Layouts


def channels_first(x):
    """N ... C as N C ..."""
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def planar(function):
    """A function of N C ... tensors as one of N ... C tensors. Further operands (weights) stay as they are."""
    return lambda x, *rest: channels_last(function(channels_first(x), *rest))


# Reductions


def reductions():
    x = (normal, (3, 4, 5))
    for name, function in [
        ("sum", torch.sum),
        ("mean", torch.mean),
        ("variance", lambda x, axes, keepdim: x.var(axes, correction=0, keepdim=keepdim)),
    ]:
        for kind, source, axes, keep in [
            ("all", x, None, False),
            ("all-kept", x, None, True),
            ("first", x, [0], False),
            ("middle", x, [1], False),
            ("middle-kept", x, [1], True),
            ("last", x, [2], False),
            ("last-kept", x, [2], True),
            ("outer", x, [0, 2], False),
            ("spatial", (normal, (2, 3, 4, 5)), [1, 2], False),
            ("spatial-kept", (normal, (2, 3, 4, 5)), [1, 2], True),
            ("batch", (normal, (2, 3, 4, 5)), [0, 1, 2], False),
        ]:
            def reduce(x, function=function, axes=axes, keep=keep):
                return function(x, list(range(x.ndim)) if axes is None else axes, keepdim=keep)

            attributes = {"axes": axes, "keeping-dimensions": keep}
            case(f"{name}-{kind}", name, [source], reduce, attributes, PRODUCT)
    for axis in (0, 1, 2):
        source = [(distinct, (3, 4, 5))]
        case(f"max-{axis}", "max", source, lambda x, axis=axis: x.amax(axis), {"axis": axis})
        argmax = lambda x, axis=axis: x.argmax(axis).to(x.dtype)  # noqa: E731
        case(f"argmax-{axis}", "argmax", source, argmax, {"axis": axis}, output_only=True)
    for name, function in [("softmax", torch.softmax), ("log-softmax", torch.log_softmax)]:
        for kind, source in [("matrix", (4, 10)), ("one", (3, 1)), ("batched", (2, 3, 7)), ("images", (2, 2, 3, 4))]:
            case(f"{name}-{kind}", name, [(normal, source)], lambda x, f=function: f(x, -1))
        large = [[[100.0, 101, 99.5], [-200, 0, 3], [1000, 999, 998]]]
        case(f"{name}-large", name, large, lambda x, f=function: f(x, -1))


# Products


def products():
    for name, a, b in [
        ("plain", (3, 4), (4, 5)),
        ("row", (1, 7), (7, 3)),
        ("column", (6, 5), (5, 1)),
        ("inner", (1, 33), (33, 1)),
        ("outer", (5, 1), (1, 6)),
        ("17-33-9", (17, 33), (33, 9)),
        ("batched", (2, 3, 4), (2, 4, 5)),
        ("batch-of-one", (1, 3, 4), (1, 4, 2)),
    ]:
        for ta in (False, True):
            for tb in (False, True):
                if (ta or tb) and name not in ("plain", "17-33-9", "batched", "row"):
                    continue
                def product(a, b, ta=ta, tb=tb):
                    return torch.matmul(a.mT if ta else a, b.mT if tb else b)

                swap = lambda shape, t: (*shape[:-2], shape[-1], shape[-2]) if t else shape  # noqa: E731
                suffix = "-ta" * ta + "-tb" * tb
                attributes = {"transpose-a": ta, "transpose-b": tb}
                sources = [(normal, swap(a, ta)), (normal, swap(b, tb))]
                case(f"matmul-{name}{suffix}", "matmul", sources, product, attributes, PRODUCT)


def weights(random, shape):
    """Small, so that sums over many of them stay near 1."""
    return random.normal(0, 1 / math.sqrt(math.prod(shape[1:])), shape)


def convolution(name, x, out, kernel, stride=[1], padding=[0], dilation=[1], groups=1, bias=False):
    """x: N H W C, or N L C."""
    function = [F.conv1d, F.conv2d][len(x) - 3]
    sources = [(normal, x), (weights, (out, x[-1] // groups, *kernel))] + [(normal, (out,))] * bias

    def run(x, w, b=None):
        return function(x, w, b, stride, padding, dilation, groups)

    attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    case(f"convolution-{name}", "convolution", sources, planar(run), attributes, PRODUCT)


def transpose_convolution(
    name, x, out, kernel, stride=[1], padding=[0], output_padding=[0], dilation=[1], groups=1, bias=False
):
    function = [F.conv_transpose1d, F.conv_transpose2d][len(x) - 3]
    sources = [(normal, x), (weights, (x[-1], out // groups, *kernel))] + [(normal, (out,))] * bias

    def run(x, w, b=None):
        return function(x, w, b, stride, padding, output_padding, groups, dilation)

    attributes = {"stride": stride, "padding": padding, "output-padding": output_padding}
    attributes |= {"dilation": dilation, "groups": groups}
    case(f"transpose-convolution-{name}", "transpose-convolution", sources, planar(run), attributes, PRODUCT)


def convolutions():
    for i, o in [(1, 3), (3, 5), (5, 1), (16, 17), (17, 3), (3, 32), (32, 5), (16, 16)]:
        convolution(f"3x3-{i}-{o}", (2, 5, 6, i), o, [3, 3], padding=[1], bias=o % 2 == 1)
    for i, o in [(1, 3), (3, 5), (5, 1), (16, 5), (5, 17), (17, 3), (3, 32), (32, 1)]:
        convolution(f"4x4-half-{i}-{o}", (2, 6, 8, i), o, [4, 4], [2], [1], bias=o % 2 == 1)
    for i, o in [(1, 5), (3, 16), (16, 3), (17, 5), (3, 32), (32, 1)]:
        transpose_convolution(f"4x4-double-{i}-{o}", (2, 3, 4, i), o, [4, 4], [2], [1], bias=o % 2 == 1)
    for i, o in [(1, 5), (3, 16), (16, 3), (17, 5), (5, 17)]:
        transpose_convolution(f"3x3-double-{i}-{o}", (2, 3, 4, i), o, [3, 3], [2], [1], [1], bias=o % 2 == 1)

    convolution("plain", (2, 7, 5, 3), 4, [3, 3])
    convolution("bias", (2, 7, 5, 3), 4, [3, 3], bias=True)
    convolution("3x3-larger", (1, 13, 11, 2), 3, [3, 3])  # more than a tile or two, and some over
    convolution("3x3-wide-padding", (1, 4, 7, 3), 2, [3, 3], padding=[2], bias=True)
    convolution("1x1", (2, 5, 3, 6), 4, [1, 1], bias=True)
    convolution("1x1-stride", (1, 6, 5, 3), 2, [1, 1], stride=[2])
    convolution("whole", (3, 4, 4, 5), 1, [4, 4])
    convolution("whole-wide", (3, 4, 3, 2), 7, [4, 3], bias=True)
    convolution("1x3", (1, 5, 8, 2), 3, [1, 3], padding=[0, 1])
    convolution("5x2", (1, 8, 7, 2), 3, [5, 2], padding=[2, 1], bias=True)
    convolution("7x7", (1, 9, 11, 3), 4, [7, 7], padding=[3])
    convolution("stride-2-rest", (2, 8, 7, 2), 3, [3, 3], stride=[2], bias=True)  # (8 - 3) / 2 leaves a row over
    convolution("stride-3-2", (1, 10, 9, 2), 3, [3, 4], stride=[3, 2], padding=[1, 2])
    convolution("stride-over-kernel", (1, 9, 8, 3), 2, [2, 2], stride=[3])
    convolution("padding-wide", (1, 3, 4, 2), 3, [3, 3], padding=[2, 3])
    convolution("dilation-2", (2, 8, 9, 2), 3, [3, 3], dilation=[2], padding=[2], bias=True)
    convolution("dilation-mixed", (1, 9, 10, 3), 2, [3, 2], dilation=[2, 3], stride=[1, 2], padding=[1, 0])
    convolution("groups-2", (2, 5, 6, 4), 6, [3, 3], groups=2, padding=[1], bias=True)
    convolution("groups-3-stride", (1, 7, 6, 9), 3, [3, 3], groups=3, stride=[2], padding=[1])
    convolution("depthwise", (2, 6, 5, 5), 5, [3, 3], groups=5, padding=[1])
    convolution("depthwise-16", (1, 6, 5, 16), 16, [3, 3], groups=16, padding=[1], bias=True)
    convolution("depthwise-double", (1, 5, 6, 3), 6, [4, 4], groups=3, stride=[2], padding=[1])
    convolution("one-pixel", (1, 1, 1, 3), 2, [3, 3], padding=[1])
    convolution("1d", (2, 11, 3), 4, [5], padding=[2], bias=True)
    convolution("1d-stride-4", (2, 33, 2), 3, [25], stride=[4], padding=[11])  # WaveGAN's
    convolution("1d-rest", (1, 10, 1), 2, [4], stride=[3], padding=[1], bias=True)
    convolution("1d-dilation", (1, 12, 3), 2, [3], dilation=[3])
    convolution("1d-groups", (2, 9, 4), 4, [3], groups=4, padding=[1])
    convolution("1d-1", (2, 5, 6), 3, [1], bias=True)

    transpose_convolution("plain", (2, 4, 3, 3), 2, [3, 3])
    transpose_convolution("bias", (2, 4, 3, 3), 2, [3, 3], bias=True)
    transpose_convolution("from-one-pixel", (2, 1, 1, 10), 5, [4, 4])
    transpose_convolution("1x1", (2, 3, 4, 5), 3, [1, 1], bias=True)
    transpose_convolution("stride-3-2", (1, 3, 4, 2), 3, [3, 4], stride=[3, 2], padding=[1, 2])
    transpose_convolution("output-padding", (1, 3, 4, 2), 3, [5, 5], [3], [2], output_padding=[2, 1], bias=True)
    transpose_convolution("stride-over-kernel", (1, 3, 2, 3), 2, [2, 2], stride=[3])
    transpose_convolution("dilation", (1, 4, 5, 2), 3, [3, 2], dilation=[2, 3], padding=[1])
    transpose_convolution("groups-2", (2, 3, 4, 4), 6, [4, 4], [2], [1], groups=2, bias=True)
    transpose_convolution("depthwise", (1, 3, 4, 3), 3, [3, 3], [2], [1], [1], groups=3)
    transpose_convolution("1d", (2, 5, 3), 2, [4], [2], [1], bias=True)
    transpose_convolution("1d-stride-4", (2, 4, 3), 2, [25], [4], [11], [1])  # WaveGAN's
    transpose_convolution("1d-groups", (1, 6, 4), 2, [3], groups=2, dilation=[2])


# Pools and resampling


def resampling():
    for name, source, size, stride, padding in [
        ("2", (2, 4, 6, 3), [2], None, [0]),
        ("2-rest", (1, 5, 7, 2), [2], None, [0]),
        ("3-2-1", (1, 7, 6, 5), [3], [2], [1]),
        ("3x2", (2, 6, 5, 1), [3, 2], [1, 2], [1, 0]),
        ("same", (2, 4, 5, 3), [3], [1], [1]),
        ("whole", (2, 3, 4, 17), [3, 4], None, [0]),
        ("overlap", (1, 5, 6, 2), [3], [1], [0]),
        ("1d", (2, 9, 3), [3], [2], [1]),
    ]:
        plane = len(source) - 2
        attributes = {"size": size, "stride": stride, "padding": padding}
        average, maximum = [(F.avg_pool1d, F.max_pool1d), (F.avg_pool2d, F.max_pool2d)][plane - 1]
        maximum = planar(lambda x, f=maximum, s=size, t=stride, p=padding: f(x, s, t or s, p))
        case(f"max-pool-{name}", "max-pool", [(distinct, source)], maximum, attributes)
        # Without padding it makes no difference whether that counts.
        for counts in [True, False] if any(padding) else [True]:
            def mean(x, f=average, s=size, t=stride, p=padding, counts=counts):
                return f(x, s, t or s, p, count_include_pad=counts)

            pool = f"average-pool-{name}" + ("" if counts else "-inside")
            case(pool, "average-pool", [(normal, source)], planar(mean), {**attributes, "counts-padding": counts})
    for factor, source in [(2, (2, 3, 4, 3)), (3, (1, 2, 5, 2)), (2, (1, 1, 3, 17)), (4, (1, 2, 1, 1))]:
        for method, flags in [("nearest", {}), ("bilinear", {"align_corners": False})]:
            def up(x, factor=factor, method=method, flags=flags):
                return F.interpolate(x, scale_factor=factor, mode=method, **flags)

            name = f"upsample-{method}-{factor}-{'x'.join(map(str, source))}"
            case(name, "upsample", [(normal, source)], planar(up), {"factor": factor, "method": method})
    for source, sizes in [
        ((2, 3, 4, 3), (7, 5)),
        ((1, 9, 7, 2), (4, 3)),
        ((1, 8, 2, 1), (5, 11)),
        ((2, 1, 3, 17), (3, 3)),
        ((1, 5, 4, 2), (1, 4)),
        ((2, 5, 3), (8,)),
        ((1, 30, 2), (7,)),
    ]:
        def resize(x, sizes=sizes):
            return F.interpolate(x, size=sizes, mode="bilinear" if len(sizes) == 2 else "linear", align_corners=False)

        name = f"resize-{'x'.join(map(str, source))}-to-{'x'.join(map(str, sizes))}"
        case(name, "resize", [(normal, source)], planar(resize), {"sizes": list(sizes)})
    for factor, source in [(2, (2, 3, 2, 12)), (3, (1, 2, 4, 9)), (2, (1, 2, 3, 4))]:
        shuffle = planar(lambda x, factor=factor: F.pixel_shuffle(x, factor))
        case(f"pixel-shuffle-{factor}-{source[-1]}", "pixel-shuffle", [(normal, source)], shuffle, {"factor": factor})


# Normalization


def normalization():
    for name, source, affine in [
        ("images", (2, 3, 4, 5), True),
        ("images-plain", (2, 3, 4, 5), False),
        ("vectors", (6, 4), True),
        ("sequences", (2, 5, 3), True),
        ("16", (4, 2, 3, 16), True),
        ("17", (2, 2, 3, 17), True),
        ("one-channel", (3, 4, 5, 1), True),
    ]:
        def batch(x, scale=None, offset=None):
            axes = tuple(range(x.ndim - 1))
            y = planar(lambda x: F.batch_norm(x, None, None, scale, offset, True, 0.1, 1e-3))(x)
            return y, x.mean(axes), x.var(axes, correction=0)

        inputs, also = scaled(source, source[-1:], affine), ("mean", "variance")
        case(f"batch-norm-{name}", "batch-norm", inputs, batch, {"epsilon": 1e-3}, NORMALISED, also=also)

        def given(x, mean, variance, scale=None, offset=None):
            return planar(lambda x: F.batch_norm(x, mean, variance, scale, offset, False, 0.1, 1e-3))(x)

        inputs[1:1] = [(normal, source[-1:]), (positive, source[-1:])]
        given_case = (f"batch-norm-given-{name}", "batch-norm-given", inputs, given, {"epsilon": 1e-3}, NORMALISED)
        case(*given_case, constant=(1, 2))
    for name, source, axes, affine in [
        ("vectors", (4, 6), 1, True),
        ("vectors-plain", (4, 6), 1, False),
        ("sequences", (2, 4, 5), 1, True),
        ("images", (2, 3, 4, 5), 3, True),
        ("images-plain", (2, 3, 4, 5), 3, False),
        ("two-axes", (3, 2, 4, 3), 2, True),
        ("33", (3, 33), 1, True),
    ]:
        shape = source[len(source) - axes :]

        def layer(x, scale=None, offset=None, shape=shape):
            return F.layer_norm(x, shape, scale, offset, 1e-3)

        attributes = {"axes": axes, "epsilon": 1e-3}
        case(f"layer-norm-{name}", "layer-norm", scaled(source, shape, affine), layer, attributes, NORMALISED)
    for name, source, affine in [
        ("images", (2, 3, 4, 5), True),
        ("images-plain", (2, 3, 4, 5), False),
        ("sequences", (2, 6, 3), True),
        ("batch-of-one", (1, 4, 5, 16), False),
        ("17", (2, 3, 4, 17), True),
        ("one-channel", (2, 4, 3, 1), False),
    ]:
        # By its definition: with a batch of one, PyTorch 2.13's F.instance_norm gives wrong gradients where the gradient
        # of its output is channels last.
        def instance(x, scale=None, offset=None):
            axes = tuple(range(1, x.ndim - 1))
            result = (x - x.mean(axes, keepdim=True)) / (x.var(axes, correction=0, keepdim=True) + 1e-3).sqrt()
            return result if scale is None else result * scale + offset

        inputs = scaled(source, source[-1:], affine)
        case(f"instance-norm-{name}", "instance-norm", inputs, instance, {"epsilon": 1e-3}, NORMALISED)


def scaled(x, shape, affine):
    return [(normal, x)] + [(positive, shape), (normal, shape)] * affine


def write(stem: str, rows: list[dict], arrays: dict[str, np.ndarray]) -> None:
    """One row a line, so that a change shows up as one line in a diff."""
    (HERE / f"{stem}.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    data = save(arrays)
    (HERE / f"{stem}.safetensors").write_bytes(data)
    print(f"{stem}: {len(rows)} cases, {len(arrays)} arrays, {len(data) / 1e6:.2f} MB")


def main() -> None:
    torch.set_num_threads(1)
    for make in (elementwise, shapes, reductions, products, convolutions, resampling, normalization):
        make()
    write("tensors", cases, arrays)


if __name__ == "__main__":
    main()
