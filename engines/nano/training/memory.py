"""SAM2's memory: what a frame looks at, and what later frames look at of it."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from layers import LayerNorm2d, tokens
from torch import Tensor, nn

THETA = 10000.0


@cache
def sine_position(dim: int, h: int, w: int) -> Tensor:
    """(1, h * w, dim): sines and cosines at whole positions from 1 on, y first."""
    t = THETA ** (2 * (torch.arange(dim // 2) // 2) / (dim // 2))

    def axis(n: int) -> Tensor:
        angle = ((torch.arange(n) + 1) / (n + 1e-6) * 2 * math.pi)[:, None] / t
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), 2).flatten(1)

    y = axis(h)[:, None].expand(h, w, -1)
    x = axis(w)[None].expand(h, w, -1)
    return torch.cat((y, x), -1).reshape(1, h * w, dim)


@cache
def temporal_encoding(distance: float, dim: int) -> Tensor:
    """(dim): sines of all frequencies, then their cosines."""
    t = THETA ** (2 * (torch.arange(dim // 2) // 2) / (dim // 2))
    return torch.cat(((distance / t).sin(), (distance / t).cos()))


@cache
def rope_table(channels: int, grid: int) -> Tensor:
    """(2, grid * grid, channels / 2): cosines and sines; a half of the pairs turns with x, then y."""
    frequency = 1 / THETA ** (torch.arange(channels // 4) * 4 / channels)
    at = torch.arange(grid * grid)
    x, y = (at % grid)[:, None] * frequency, (at // grid)[:, None] * frequency
    angle = torch.cat((x, y), -1)
    return torch.stack((angle.cos(), angle.sin()))


def turn(x: Tensor, table: Tensor) -> Tensor:
    """Rotates the pairs of (N, frames * h * w, C)."""
    frames = x.shape[1] // table.shape[1]
    cos, sin = table.repeat(1, frames, 1)
    real, imaginary = x[..., 0::2], x[..., 1::2]
    turned = (real * cos - imaginary * sin, real * sin + imaginary * cos)
    return torch.stack(turned, -1).flatten(2)


class RopeAttention(nn.Module):
    """One head; keys after the first maps, object pointers, do not turn."""

    def __init__(self, dim: int, dim_memory: int):
        super().__init__()
        self.q_proj = nn.Linear(dim, dim)
        self.k_proj = nn.Linear(dim_memory, dim)
        self.v_proj = nn.Linear(dim_memory, dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, table: Tensor) -> Tensor:
        turning = k.shape[1] // table.shape[1] * table.shape[1]
        q, k, v = turn(self.q_proj(q), table), self.k_proj(k), self.v_proj(v)
        k = torch.cat((turn(k[:, :turning], table), k[:, turning:]), 1)
        weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1)
        return self.out_proj(weights @ v)


class MemoryAttentionLayer(nn.Module):
    """The frame's tokens look at each other, then at the memory."""

    def __init__(self, c):
        super().__init__()
        self.self_attn = RopeAttention(c.d_model, c.d_model)
        self.cross_attn_image = RopeAttention(c.d_model, c.mem_dim)
        self.linear1 = nn.Linear(c.d_model, c.ff)
        self.linear2 = nn.Linear(c.ff, c.d_model)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(c.d_model) for _ in range(3))

    def forward(self, x: Tensor, memory: Tensor, keys: Tensor, table: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.self_attn(y, y, y, table)
        x = x + self.cross_attn_image(self.norm2(x), keys, memory, table)
        return x + self.linear2(F.relu(self.linear1(self.norm3(x))))


class MemoryAttention(nn.Module):
    """The frame's features, conditioned on what is remembered."""

    def __init__(self, c):
        super().__init__()
        self.layers = nn.ModuleList(MemoryAttentionLayer(c) for _ in range(c.mem_layers))
        self.norm = nn.LayerNorm(c.d_model)

    def forward(self, x: Tensor, memory: Tensor, keys: Tensor, grid: int) -> Tensor:
        """(N, h * w, C), (N, M, mem_dim) and the same with its position."""
        x = x + 0.1 * sine_position(x.shape[-1], grid, grid).to(x)
        table = rope_table(x.shape[-1], grid).to(x)
        for layer in self.layers:
            x = layer(x, memory, keys, table)
        return self.norm(x)


class MaskDownsampler(nn.Module):
    """Four convolutions of stride 2 that quadruple the channels, then a 1x1."""

    def __init__(self, dim: int):
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(4):
            out = 4 ** (i + 1)
            layers += [nn.Conv2d(out // 4, out, 3, 2, 1), LayerNorm2d(out), nn.GELU()]
        self.encoder = nn.Sequential(*layers, nn.Conv2d(256, dim, 1))

    def forward(self, mask: Tensor) -> Tensor:
        return self.encoder(mask)


class CxBlock(nn.Module):
    """ConvNeXt's."""

    def __init__(self, dim: int):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = LayerNorm2d(dim)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class Fuser(nn.Module):
    """Two of them."""

    def __init__(self, dim: int):
        super().__init__()
        self.layers = nn.ModuleList(CxBlock(dim) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MemoryEncoder(nn.Module):
    """Features (N, C, h, w) and mask (N, 1, 16h, 16w) to (N, h * w, mem_dim)."""

    def __init__(self, c):
        super().__init__()
        self.mask_downsampler = MaskDownsampler(c.d_model)
        self.pix_feat_proj = nn.Conv2d(c.d_model, c.d_model, 1)
        self.fuser = Fuser(c.d_model)
        self.out_proj = nn.Conv2d(c.d_model, c.mem_dim, 1)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        x = self.pix_feat_proj(features) + self.mask_downsampler(mask)
        return tokens(self.out_proj(self.fuser(x)))
