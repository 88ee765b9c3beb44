#!/usr/bin/env python3
"""Writes what Pillow, torchvision, PyTorch and OpenCV make of small images: Tests/Golden compares Mirage with it.

    python3 -m venv .venv && .venv/bin/pip install -r Tests/Golden/requirements.txt
    .venv/bin/python Tests/Golden/make_golden.py

cases.json + images/ cover the augmentations, codecs.json + codecs/ the decoders. README.md says what the fields mean.
"""

import json
import sys
import shutil
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as nn
from PIL import Image, ImageEnhance, ImageOps

from codecs_golden import make_codecs
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Benchmarks" / "Peers"))  # torchvision_cpu stands there
from torchvision_cpu import torchvision  # noqa: E402

F = torchvision.transforms.functional
HERE = Path(__file__).resolve().parent
MODES = {
    "nearest": (Image.Resampling.NEAREST, F.InterpolationMode.NEAREST),
    "bilinear": (Image.Resampling.BILINEAR, F.InterpolationMode.BILINEAR),
    "bicubic": (Image.Resampling.BICUBIC, F.InterpolationMode.BICUBIC),
    "lanczos": (Image.Resampling.LANCZOS, F.InterpolationMode.LANCZOS),
}
cases = []


# Inputs


def scene(width: int, height: int, random: np.random.Generator) -> np.ndarray:
    """Smooth color gradients, hard edges (a disc, stripes) and texture: where image code goes wrong."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    u, v = x / (width - 1), y / (height - 1)
    image = np.stack([255 * u, 255 * v, 255 * (1 - u) * (1 - v)], axis=-1)
    image[np.hypot(x - 0.35 * width, y - 0.35 * height) < 0.22 * height] = [250, 40, 30]
    image[((x + y) % 7 < 3) & (v > 0.7)] = [10, 235, 220]
    image += random.normal(0, 10, image.shape)
    return image.round().clip(0, 255).astype(np.uint8)


def inputs() -> dict[str, Image.Image]:
    random = np.random.default_rng(2024)
    rgb = scene(37, 29, random)
    alpha = np.linspace(96, 255, 37).round().astype(np.uint8)[None, :, None].repeat(29, axis=0)
    return {
        "rgb": Image.fromarray(rgb),
        "gray": Image.fromarray(scene(31, 40, random)).convert("L"),
        "rgba": Image.fromarray(np.concatenate([rgb, alpha], axis=-1)),
        # Values 40 to 170 only, so that autocontrast and equalize have something to do.
        "dull": Image.fromarray((40 + rgb * 0.51).round().astype(np.uint8)),
    }


def case(name, input, stage, output, peer, settings={}, parameters={}, tolerance=1, fraction=0):
    output.save(HERE / f"images/{name}.png", optimize=True)
    cases.append(
        {
            "name": name,
            "input": f"images/{input}.png",
            "stage": stage,
            "settings": settings,
            "parameters": parameters,
            "output": f"images/{name}.png",
            "peer": peer,
            "tolerance": tolerance,
            "fraction": fraction,
        }
    )


# Geometry. Pillow truncates what it interpolates in rotate and transform, and its bicubic kernel there has a = -1.


def color(fill: list[int], image: Image.Image):
    """[v] means v in every channel; Pillow wants a number for gray and a tuple for color."""
    bands = len(image.getbands())
    return fill[0] if bands == 1 else tuple(fill * bands if len(fill) == 1 else fill)


def rotations(images):
    for name, input, degrees, settings in [
        ("rotate-0", "rgb", 0, {}),
        ("rotate-15", "rgb", 15, {}),
        ("rotate-minus-33.3", "rgb", -33.3, {}),
        ("rotate-90", "rgb", 90, {}),
        ("rotate-180", "rgb", 180, {}),
        ("rotate-127.5-fill", "rgb", 127.5, {"fill": [200, 30, 90]}),
        ("rotate-15-nearest", "rgb", 15, {"interpolation": "nearest"}),
        ("rotate-minus-33.3-bicubic", "rgb", -33.3, {"interpolation": "bicubic"}),
        ("rotate-90-expand", "rgb", 90, {"expand": True}),
        ("rotate-20-expand-fill", "rgb", 20, {"expand": True, "fill": [255, 255, 0]}),
        ("rotate-gray-15", "gray", 15, {}),
        ("rotate-gray-77-fill", "gray", 77, {"fill": [128]}),
        ("rotate-gray-minus-20-expand-bicubic", "gray", -20, {"expand": True, "interpolation": "bicubic"}),
        ("rotate-rgba-31-nearest", "rgba", 31, {"interpolation": "nearest"}),
    ]:
        image = images[input]
        output = image.rotate(
            degrees,
            MODES[settings.get("interpolation", "bilinear")][0],
            settings.get("expand", False),
            fillcolor=color(settings.get("fill", [0]), image),
        )
        settings = {"degrees": [-180, 180], **settings}
        case(name, input, "rotate", output, "Pillow Image.rotate", settings, {"degrees": degrees})


def affines(images):
    nearest, bicubic = {"interpolation": "nearest"}, {"interpolation": "bicubic"}
    none = {"degrees": 0, "translateX": 0, "translateY": 0, "scale": 1, "shearX": 0, "shearY": 0}
    for name, input, changed, settings in [
        ("affine-identity", "rgb", {}, {}),
        ("affine-translate", "rgb", {"translateX": 5, "translateY": -3}, {}),
        ("affine-rotate", "rgb", {"degrees": 25}, {}),
        ("affine-scale", "rgb", {"scale": 0.7}, {"fill": [90, 0, 160]}),
        ("affine-shear-x", "rgb", {"shearX": 20}, {}),
        ("affine-shear-y", "rgb", {"shearY": -12}, {}),
        ("affine-all", "rgb", dict(degrees=-40, translateX=-4, translateY=6, scale=1.3, shearX=10, shearY=-7), {}),
        ("affine-all-nearest", "rgb", dict(degrees=33, translateX=2, scale=0.9, shearX=8), nearest),
        ("affine-all-bicubic", "rgb", dict(degrees=12, translateY=3, scale=1.1, shearY=15), bicubic),
        ("affine-all-gray", "gray", dict(degrees=70, translateX=3, scale=0.8, shearX=-9), {"fill": [77]}),
    ]:
        p = {**none, **changed}
        output = F.affine(
            images[input],
            p["degrees"],
            [p["translateX"], p["translateY"]],
            p["scale"],
            [p["shearX"], p["shearY"]],
            MODES[settings.get("interpolation", "bilinear")][1],
            settings.get("fill", [0]),
        )
        case(name, input, "affine", output, "torchvision F.affine on PIL", settings, p)


def perspectives(images):
    # No edge of these quadrilaterals runs through the exact middle of a pixel, which would be a matter of rounding.
    for name, input, corners, settings in [
        ("perspective-identity", "rgb", [[0, 0], [36, 0], [36, 28], [0, 28]], {}),
        ("perspective-inward", "rgb", [[4, 3], [33, 1], [31, 25], [2, 27]], {}),
        ("perspective-fill", "rgb", [[9, 1], [30, 5], [34, 22], [1, 24]], {"fill": [20, 180, 60]}),
        ("perspective-bicubic", "rgb", [[2, 5], [34, 2], [30, 27], [6, 24]], {"interpolation": "bicubic"}),
        ("perspective-nearest", "rgb", [[3, 2], [32, 4], [35, 26], [1, 23]], {"interpolation": "nearest"}),
        ("perspective-gray", "gray", [[2, 3], [27, 1], [29, 36], [3, 37]], {"fill": [255]}),
    ]:
        w, h = images[input].size
        start = [[0, 0], [w - 1, 0], [w - 1, h - 1], [0, h - 1]]
        mode = MODES[settings.get("interpolation", "bilinear")][1]
        output = F.perspective(images[input], start, corners, mode, settings.get("fill", [0]))
        case(name, input, "perspective", output, "torchvision F.perspective on PIL", settings, {"corners": corners})


def resizes(images):
    # Pillow's resampling is the reference for antialiased resizing. Its fixed-point sums have one right answer, so no
    # tolerance. [height, width]: smaller, larger, odd, one way only, and one way each.
    for input, interpolation, sizes in [
        ("rgb", "nearest", [[15, 18], [64, 50]]),
        ("rgb", "bilinear", [[15, 18], [13, 37], [41, 19], [64, 81], [1, 1]]),
        ("rgb", "bicubic", [[15, 18], [41, 19], [58, 74]]),
        ("rgb", "lanczos", [[15, 18], [41, 19], [58, 74]]),
        ("gray", "bilinear", [[20, 15], [28, 28]]),
        ("gray", "bicubic", [[17, 45]]),
        ("gray", "lanczos", [[7, 5]]),
        ("rgba", "bilinear", [[15, 18], [45, 50]]),  # Pillow weighs color by alpha: no dark or bright fringes
    ]:
        for size in sizes:
            output = resampled(images[input], size, interpolation)
            name = f"resize-{input}-{interpolation}-{size[0]}x{size[1]}"
            settings = {"size": size, "interpolation": interpolation}
            case(name, input, "resize", output, "Pillow Image.resize", settings, tolerance=0)

    # PyTorch's bicubic kernel has a = -0.75, where Pillow's resize has -0.5.
    for input, interpolation, size in [
        ("rgb", "bilinear", [15, 18]),
        ("rgb", "bilinear", [64, 81]),
        ("rgb", "bicubic", [15, 18]),
        ("rgb", "bicubic", [58, 74]),
        ("gray", "bilinear", [28, 28]),
        ("gray", "bicubic", [47, 12]),
    ]:
        output = image_of(
            nn.interpolate(tensor_of(images[input]).double()[None], size, mode=interpolation, align_corners=False)[0]
        )
        name = f"resize-{input}-{interpolation}-plain-{size[0]}x{size[1]}"
        settings = {"size": size, "interpolation": interpolation, "antialias": False}
        case(name, input, "resize", output, "torch.nn.functional.interpolate", settings)

    for input, box, factor in [("rgb", (0, 0, 36, 28), 2), ("gray", (0, 0, 30, 39), 3)]:
        # The mean of whole blocks. 37 x 29 and 31 x 40 have no such ratio, so the input is a cut-out, saved beside it.
        cut = images[input].crop(box)
        cut.save(HERE / f"images/{input}-cut.png", optimize=True)
        size = [cut.height // factor, cut.width // factor]
        output = image_of(nn.adaptive_avg_pool2d(tensor_of(cut).double(), size))
        name = f"resize-{input}-area-by-{factor}"
        settings = {"size": size, "interpolation": "area"}
        case(name, f"{input}-cut", "resize", output, "torch.nn.functional.adaptive_avg_pool2d", settings)

    for input, size in [("rgb", [11, 16]), ("gray", [28, 28]), ("gray", [40, 9])]:
        output = cv2.resize(np.asarray(images[input]), size[::-1], interpolation=cv2.INTER_AREA)
        name = f"resize-{input}-area-{size[0]}x{size[1]}"
        settings = {"size": size, "interpolation": "area"}
        case(name, input, "resize", Image.fromarray(output), "OpenCV cv2.resize INTER_AREA", settings)


def resampled(image: Image.Image, size: list[int], interpolation: str) -> Image.Image:
    """Pillow's resize, across first and then down.

    The order shows, as the bytes between the passes are rounded. Pillow before version 13 always takes this one; newer
    versions choose by the sizes, so the two passes are two calls here.
    """
    height, width = size
    mode = MODES[interpolation][0]
    weighted = image.convert("RGBa") if image.mode == "RGBA" else image  # as resize does, but for both passes at once
    return weighted.resize((width, image.height), mode).resize((width, height), mode).convert(image.mode)


def crops(images):
    # No arithmetic on pixels from here to the flips: no tolerance.
    for name, input, size in [
        ("center-crop-even", "rgb", [21, 25]),
        ("center-crop-odd", "rgb", [24, 32]),  # (29 - 24) / 2 = 2.5 and (37 - 32) / 2 = 2.5 start at 2 ...
        ("center-crop-odd-up", "rgb", [22, 30]),  # ... but 3.5 starts at 4: halves go to the even number
        ("center-crop-square", "gray", 20),
    ]:
        output = F.center_crop(images[input], size)
        case(name, input, "center-crop", output, "torchvision F.center_crop", {"size": size}, tolerance=0)

    for name, input, settings in [
        ("pad-2", "rgb", {"padding": 2}),
        ("pad-sides-fill", "rgb", {"padding": [1, 2, 3, 4], "fill": [12, 200, 99]}),
        ("pad-edge", "rgb", {"padding": [5, 0, 2, 7], "mode": "edge"}),
        ("pad-reflect", "rgb", {"padding": [3, 6, 1, 2], "mode": "reflect"}),
        ("pad-gray", "gray", {"padding": 3, "fill": [255]}),
        ("pad-gray-reflect", "gray", {"padding": 4, "mode": "reflect"}),
        ("pad-rgba", "rgba", {"padding": 2}),
    ]:
        case(name, input, "pad", padded(images[input], settings), "torchvision F.pad on PIL", settings, tolerance=0)

    for name, input, settings, x, y in [
        ("random-crop-plain", "rgb", {"size": [20, 16]}, 9, 4),
        ("random-crop-padded", "rgb", {"size": [28, 28], "padding": 4, "fill": [7, 8, 9]}, 0, 8),
        ("random-crop-reflect", "rgb", {"size": [29, 37], "padding": 3, "mode": "reflect"}, 6, 1),
        ("random-crop-gray-edge", "gray", {"size": 31, "padding": [2, 0, 2, 0], "mode": "edge"}, 3, 7),
    ]:
        size = settings["size"]
        height, width = size if isinstance(size, list) else (size, size)
        output = F.crop(padded(images[input], settings), y, x, height, width)
        parameters = {"x": x, "y": y}
        case(name, input, "random-crop", output, "torchvision F.pad, F.crop on PIL", settings, parameters, tolerance=0)

    for name, input, settings, x, y, width, height in [
        ("random-resized-crop-down", "rgb", {"size": [12, 12]}, 5, 3, 26, 21),
        ("random-resized-crop-up", "rgb", {"size": [28, 28]}, 20, 11, 9, 14),
        ("random-resized-crop-bicubic", "rgb", {"size": [16, 20], "interpolation": "bicubic"}, 0, 0, 33, 17),
        ("random-resized-crop-gray", "gray", {"size": [28, 28]}, 1, 2, 30, 37),
    ]:
        cut = F.crop(images[input], y, x, height, width)
        output = resampled(cut, settings["size"], settings.get("interpolation", "bilinear"))
        parameters = {"x": x, "y": y, "width": width, "height": height}
        peer = "torchvision F.resized_crop on PIL"
        case(name, input, "random-resized-crop", output, peer, settings, parameters, tolerance=0)


def padded(image: Image.Image, settings) -> Image.Image:
    return F.pad(image, settings.get("padding", 0), settings.get("fill", [0]), settings.get("mode", "constant"))


def flips(images):
    for stage, method in [
        ("horizontal-flip", Image.Transpose.FLIP_LEFT_RIGHT),
        ("vertical-flip", Image.Transpose.FLIP_TOP_BOTTOM),
        ("transpose", Image.Transpose.TRANSPOSE),
    ]:
        for input in ("rgb", "gray", "rgba"):
            output = images[input].transpose(method)
            case(f"{stage}-{input}", input, stage, output, f"Pillow Transpose.{method.name}", tolerance=0)


# Color


def colors(images):
    def one(name, input, stage, output, peer, parameters={}, settings={}, tolerance=1):
        case(name, input, stage, output, peer, settings, parameters, tolerance)

    # Pillow blends with a whole-numbered gray or smoothed image and truncates. Up to factor 2 an exact computation
    # stays within 1 of that; further out it need not, hence no larger factors but for brightness, which blends with
    # black.
    for stage, function, factors in [
        ("brightness", F.adjust_brightness, [0, 0.6, 1.4, 3]),
        ("contrast", F.adjust_contrast, [0, 0.5, 1.8]),
        ("saturation", F.adjust_saturation, [0, 0.5, 2]),
    ]:
        for input in ("rgb", "gray"):
            for factor in factors if input == "rgb" else factors[1:3]:
                peer = f"torchvision F.{function.__name__} on PIL"
                output = function(images[input], factor)
                one(f"{stage}-{input}-{factor}", input, stage, output, peer, {"factor": factor})
    for factor in (0, 0.5, 2):
        output = ImageEnhance.Sharpness(images["rgb"]).enhance(factor)
        one(f"sharpness-{factor}", "rgb", "sharpness", output, "Pillow ImageEnhance.Sharpness", {"factor": factor})
    one(
        "sharpness-gray-1.7",
        "gray",
        "sharpness",
        ImageEnhance.Sharpness(images["gray"]).enhance(1.7),
        "Pillow ImageEnhance.Sharpness",
        {"factor": 1.7},
    )

    # On PIL images torchvision turns the hue in steps of 1/255 through 8-bit HSV; on tensors it computes in floats.
    for shift in (-0.5, -0.21, 0.0, 0.1, 0.37):
        output = image_of(F.adjust_hue(tensor_of(images["rgb"]), shift))
        one(f"hue-{shift}", "rgb", "hue", output, "torchvision F.adjust_hue on a uint8 tensor", {"shift": shift})
    for input, gamma in [("rgb", 0.5), ("rgb", 1), ("rgb", 2.2), ("gray", 1.5)]:
        output = F.adjust_gamma(images[input], gamma)
        one(f"gamma-{input}-{gamma}", input, "gamma", output, "torchvision F.adjust_gamma on PIL", {"gamma": gamma})

    # Whole-number arithmetic: no tolerance.
    for input, bits in [("rgb", 1), ("rgb", 3), ("rgb", 8), ("gray", 4)]:
        output = F.posterize(images[input], bits)
        peer = "Pillow ImageOps.posterize"
        one(f"posterize-{input}-{bits}", input, "posterize", output, peer, {"bits": bits}, tolerance=0)
    for input, threshold in [("rgb", 0), ("rgb", 128), ("rgb", 255), ("gray", 77)]:
        output = F.solarize(images[input], threshold)
        peer = "Pillow ImageOps.solarize"
        parameters = {"threshold": threshold}
        one(f"solarize-{input}-{threshold}", input, "solarize", output, peer, parameters, tolerance=0)
    for input in ("rgb", "dull", "gray"):
        peer = "Pillow ImageOps.equalize"
        one(f"equalize-{input}", input, "equalize", F.equalize(images[input]), peer, tolerance=0)
        peer = "Pillow ImageOps.autocontrast"
        one(f"autocontrast-{input}", input, "autocontrast", F.autocontrast(images[input]), peer)
    for input in ("rgb", "gray"):
        one(f"invert-{input}", input, "invert", F.invert(images[input]), "Pillow ImageOps.invert", tolerance=0)
        for channels in (1, 3):
            output = F.to_grayscale(images[input], channels)
            peer = "torchvision F.to_grayscale on PIL"
            one(f"grayscale-{input}-{channels}", input, "grayscale", output, peer, settings={"channels": channels})

    for input, kernel, sigma in [("rgb", 3, 0.8), ("rgb", 5, 1.5), ("rgb", 9, 0.4), ("gray", 7, 2.0)]:
        output = image_of(F.gaussian_blur(tensor_of(images[input]), kernel, sigma))
        name, peer = f"gaussian-blur-{input}-{kernel}-{sigma}", "torchvision F.gaussian_blur on a uint8 tensor"
        one(name, input, "gaussian-blur", output, peer, {"sigma": sigma}, {"kernel": kernel})


def tensor_of(image: Image.Image) -> torch.Tensor:
    """Channels, height, width; bytes."""
    array = np.array(image)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def image_of(tensor: torch.Tensor) -> Image.Image:
    array = tensor.round().clamp(0, 255).to(torch.uint8).numpy() if tensor.is_floating_point() else tensor.numpy()
    return Image.fromarray(array[0] if len(array) == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))


def main() -> None:
    for folder in ("images", "codecs"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    images = inputs()
    for name, image in images.items():
        image.save(HERE / f"images/{name}.png", optimize=True)
    for make in (rotations, affines, perspectives, resizes, crops, flips, colors):
        make(images)
    write_list("cases.json", cases)
    write_list("codecs.json", make_codecs(HERE / "codecs", images))


def write_list(name: str, rows: list[dict]) -> None:
    """One row a line, so that a change shows up as one line in a diff."""
    (HERE / name).write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
