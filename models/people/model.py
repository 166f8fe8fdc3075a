# SPDX-License-Identifier: BSD-2-Clause
"""The network: a small anchor-free detector of persons.

Made for the engine it runs in: dense 3x3 convolutions of stride 1 with channels in sixteens (Winograd), stages that
split their channels so that few weights do much, no depthwise convolution where pictures are large. Three grids of
strides 8, 16 and 32; each cell says how far the person's left, top, right and bottom edge are, and how sure it is.
"""
import math

import torch
from torch import nn

STRIDES = (8, 16, 32)
REACH = 6.0  # a cell's exponent is kept below: e^6 strides are more than any picture


class ConvUnit(nn.Module):
    """Convolution, normalisation, ReLU. fuse() folds the normalisation into the convolution."""

    def __init__(self, inputs, outputs, size=3, stride=1, groups=1, active=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.active = nn.ReLU(inplace=True) if active else nn.Identity()

    def forward(self, x):
        return self.active(self.norm(self.conv(x)))

    @torch.no_grad()
    def fuse(self):
        if isinstance(self.norm, nn.Identity):
            return
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        conv = nn.Conv2d(self.conv.in_channels, self.conv.out_channels, self.conv.kernel_size, self.conv.stride,
                         self.conv.padding, groups=self.conv.groups)
        conv.weight.copy_(self.conv.weight * scale[:, None, None, None])
        conv.bias.copy_(self.norm.bias - self.norm.running_mean * scale)
        self.conv, self.norm = conv, nn.Identity()


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = ConvUnit(channels, channels)
        self.second = ConvUnit(channels, channels)

    def forward(self, x):
        return x + self.second(self.first(x))


class Split(nn.Module):
    """Half of the channels go through residual blocks, the other half past them; both meet in a 1x1 convolution."""

    def __init__(self, inputs, outputs, hidden, blocks):
        super().__init__()
        self.through = ConvUnit(inputs, hidden, 1)
        self.past = ConvUnit(inputs, hidden, 1)
        self.blocks = nn.Sequential(*[Residual(hidden) for _ in range(blocks)])
        self.join = ConvUnit(2 * hidden, outputs, 1)

    def forward(self, x):
        return self.join(torch.cat([self.blocks(self.through(x)), self.past(x)], 1))


class Pool(nn.Module):
    """Sees far: the map beside three ever wider maxima of itself."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.first = ConvUnit(channels, hidden, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.last = ConvUnit(4 * hidden, channels, 1)

    def forward(self, x):
        a = self.first(x)
        b = self.pool(a)
        c = self.pool(b)
        return self.last(torch.cat([a, b, c, self.pool(c)], 1))


class Head(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.unit = ConvUnit(channels, channels)
        self.boxes = nn.Conv2d(channels, 4, 1)
        self.score = nn.Conv2d(channels, 1, 1)
        nn.init.normal_(self.boxes.weight, std=0.01)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.constant_(self.boxes.bias, 0.5)
        nn.init.constant_(self.score.bias, -math.log((1 - 0.01) / 0.01))

    def forward(self, x):
        x = self.unit(x)
        return torch.cat([self.boxes(x), self.score(x)], 1)


class People(nn.Module):
    """[N, 3, H, W] of 0..1, RGB, H and W multiples of 32 -> [N, 5, cells]: centre x, centre y, width, height in input
    pixels and the score. In training: raw maps, one [N, 5, h, w] a stride."""

    def __init__(self, widths=(16, 32, 64, 96, 96), neck=48, raw=False):
        super().__init__()
        stem, w4, w8, w16, w32 = widths
        self.raw = raw
        self.stem = ConvUnit(3, stem, 3, 2)
        self.down4 = ConvUnit(stem, w4, 3, 2)
        self.down8 = ConvUnit(w4, w8, 3, 2)
        self.stage8 = Split(w8, w8, 32, 2)
        self.down16 = ConvUnit(w8, w16, 3, 2)
        self.stage16 = Split(w16, w16, 48, 1)
        self.down32 = nn.Sequential(ConvUnit(w16, w16, 3, 2, groups=w16, active=False), ConvUnit(w16, w32, 1))
        self.stage32 = Split(w32, w32, 48, 1)
        self.pool = Pool(w32, 32)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.side32 = ConvUnit(w32, neck, 1)
        self.side16 = ConvUnit(w16, neck, 1)
        self.side8 = ConvUnit(w8, neck, 1)
        self.mix16 = ConvUnit(neck, neck)
        self.heads = nn.ModuleList(Head(neck) for _ in STRIDES)

    def maps(self, x):
        x8 = self.stage8(self.down8(self.down4(self.stem(x))))
        x16 = self.stage16(self.down16(x8))
        x32 = self.pool(self.stage32(self.down32(x16)))
        n32 = self.side32(x32)
        n16 = self.mix16(self.side16(x16) + self.up(n32))
        n8 = self.side8(x8) + self.up(n16)
        return [head(n) for head, n in zip(self.heads, (n8, n16, n32))]

    def forward(self, x):
        maps = self.maps(x)
        return maps if self.raw else decode(maps)

    def fuse(self):
        for module in self.modules():
            if isinstance(module, ConvUnit):
                module.fuse()
        return self


def centres(height, width, stride, device=None):
    """Of the cells: [1, 2, height, width], x and y in input pixels."""
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) * stride
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) * stride
    return torch.stack([x[None].expand(height, width), y[:, None].expand(height, width)])[None]


def decode_map(raw, stride):
    """[N, 5, h, w] -> [N, 5, h*w]. The four edges are e to the power of the first four, in strides from the centre."""
    raw = raw.float()
    left, top, right, bottom = (torch.exp(raw[:, :4].clamp(max=REACH)) * stride).split(1, 1)
    move = torch.cat([right - left, bottom - top], 1) / 2
    size = torch.cat([left + right, top + bottom], 1)
    middle = centres(raw.shape[2], raw.shape[3], stride, raw.device) + move
    return torch.cat([middle, size, raw[:, 4:].sigmoid()], 1).flatten(2)


def decode(maps):
    return torch.cat([decode_map(raw, stride) for raw, stride in zip(maps, STRIDES)], 2)


def count(model):
    return sum(p.numel() for p in model.parameters())
