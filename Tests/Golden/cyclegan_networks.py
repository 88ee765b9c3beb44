"""The networks of pytorch-CycleGAN-and-pix2pix, whose state dicts have the repository's names and shapes."""

import torch
from torch import nn

NORMALIZATIONS = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d, "none": lambda channels: nn.Identity()}


class ResidualBlock(nn.Module):
    def __init__(self, width, norm, bias, dropout):
        super().__init__()

        def padded():
            return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]

        between = [nn.ReLU(True)] + ([nn.Dropout(0.5)] if dropout else [])
        self.conv_block = nn.Sequential(*padded(), *between, *padded())

    def forward(self, x):
        return x + self.conv_block(x)


class ResNetGenerator(nn.Module):
    def __init__(
        self, blocks, filters, inputs, outputs, normalization="instance", dropout=False, upsampling="transposed"
    ):
        super().__init__()
        n = filters
        norm, bias = NORMALIZATIONS[normalization], normalization == "instance"

        def normalized(convolution):
            return [convolution, norm(convolution.out_channels), nn.ReLU(True)]

        def up(inputs, outputs):
            if upsampling == "transposed":
                return normalized(nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=bias))
            convolution = nn.Conv2d(inputs, outputs, 3, bias=bias)
            return [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), *normalized(convolution)]

        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            *normalized(nn.Conv2d(inputs, n, 7, bias=bias)),
            *normalized(nn.Conv2d(n, 2 * n, 3, 2, 1, bias=bias)),
            *normalized(nn.Conv2d(2 * n, 4 * n, 3, 2, 1, bias=bias)),
            *[ResidualBlock(4 * n, norm, bias, dropout) for _ in range(blocks)],
            *up(4 * n, 2 * n),
            *up(2 * n, n),
            nn.ReflectionPad2d(3),
            nn.Conv2d(n, outputs, 7),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.model(x)


class UNetLevel(nn.Module):
    def __init__(self, layers, outermost):
        super().__init__()
        self.model, self.outermost = nn.Sequential(*layers), outermost

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class UNetGenerator(nn.Module):
    def __init__(self, downs, filters, inputs, outputs, normalization="batch", dropout=False):
        super().__init__()
        norm, bias = NORMALIZATIONS[normalization], normalization == "instance"
        widths = [filters * min(2**level, 8) for level in range(downs)]
        inner = None
        for level in reversed(range(downs)):
            wide, outermost = widths[level], level == 0
            outside = outputs if outermost else widths[level - 1]
            down = nn.Conv2d(inputs if outermost else outside, wide, 4, 2, 1, bias=bias)
            up = nn.ConvTranspose2d(2 * wide if inner else wide, outside, 4, 2, 1, bias=bias or outermost)
            layers = [down] if outermost else [nn.LeakyReLU(0.2), down]
            if inner:
                layers += [inner] if outermost else [norm(wide), inner]
            layers += [nn.ReLU(), up, nn.Tanh() if outermost else norm(outside)]
            if dropout and inner and level >= 4:
                layers.append(nn.Dropout(0.5))
            inner = UNetLevel(layers, outermost)
        self.model = inner

    def forward(self, x):
        return self.model(x)


class PatchDiscriminator(nn.Module):
    def __init__(self, layers, filters, inputs, normalization="instance"):
        super().__init__()
        norm, bias = NORMALIZATIONS[normalization], normalization == "instance"
        model = [nn.Conv2d(inputs, filters, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        width = filters
        for level in range(1, layers + 1):
            wider = filters * min(2**level, 8)
            model += [nn.Conv2d(width, wider, 4, 2 if level < layers else 1, 1, bias=bias)]
            model += [norm(wider), nn.LeakyReLU(0.2, True)]
            width = wider
        self.model = nn.Sequential(*model, nn.Conv2d(width, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


class PixelDiscriminator(nn.Module):
    def __init__(self, filters, inputs, normalization="instance"):
        super().__init__()
        norm, bias = NORMALIZATIONS[normalization], normalization == "instance"
        self.net = nn.Sequential(
            nn.Conv2d(inputs, filters, 1),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(filters, 2 * filters, 1, bias=bias),
            norm(2 * filters),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(2 * filters, 1, 1, bias=bias),
        )

    def forward(self, x):
        return self.net(x)


NETWORKS = {
    "resnet": ResNetGenerator,
    "unet": UNetGenerator,
    "patch": PatchDiscriminator,
    "pixel": PixelDiscriminator,
}
