"""Layers that the matte net and the tracker share, under their official key names."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def tokens(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, HW, C)."""
    return x.flatten(2).transpose(1, 2)


class LayerNorm2d(nn.Module):
    """LayerNorm over the channels of NCHW."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6)
        return y.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Linears with an activation between them."""

    def __init__(self, dims: list[int], activation=F.relu):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip(dims, dims[1:]))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Softmax attention over (N, tokens, heads * d); plain products train faster on CPUs."""

    def by_head(x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)

    q, k, v = by_head(q), by_head(k), by_head(v)
    weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """SAM's attention, with an inner width of dim / downsample_rate."""

    def __init__(self, dim: int, heads: int, downsample_rate: int = 1):
        super().__init__()
        inner = dim // downsample_rate
        self.heads = heads
        self.q_proj = nn.Linear(dim, inner)
        self.k_proj = nn.Linear(dim, inner)
        self.v_proj = nn.Linear(dim, inner)
        self.out_proj = nn.Linear(inner, dim)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.out_proj(attend(self.q_proj(q), self.k_proj(k), self.v_proj(v), self.heads))


def max_pool(x: Tensor) -> Tensor:
    """(N, H, W, C), by 2."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def to_windows(x: Tensor, size: int) -> tuple[Tensor, int, int]:
    """(N, H, W, C) -> (N * rows * columns, size, size, C), padded with zeros; rows; columns."""
    n, h, w, c = x.shape
    rows, columns = -(-h // size), -(-w // size)
    if rows * size != h or columns * size != w:
        x = F.pad(x, (0, 0, 0, columns * size - w, 0, rows * size - h))
    x = x.reshape(n, rows, size, columns, size, c).transpose(2, 3)
    return x.reshape(-1, size, size, c), rows, columns


def from_windows(x: Tensor, rows: int, columns: int, h: int, w: int) -> Tensor:
    """The inverse of `to_windows`: the padding is cut off."""
    _, size, _, c = x.shape
    x = x.reshape(-1, rows, columns, size, size, c).transpose(2, 3)
    return x.reshape(-1, rows * size, columns * size, c)[:, :h, :w]


class BlockAttention(nn.Module):
    """Hiera's attention within a window; queries may be pooled by 2."""

    def __init__(self, dim: int, dim_out: int, heads: int, pool: bool):
        super().__init__()
        self.heads, self.pool = heads, pool
        self.qkv = nn.Linear(dim, 3 * dim_out)
        self.proj = nn.Linear(dim_out, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, dim) -> (N, H', W', dim_out)."""
        q, k, v = self.qkv(x).chunk(3, -1)
        if self.pool:
            q = max_pool(q)
        shape = q.shape
        y = attend(q.flatten(1, 2), k.flatten(1, 2), v.flatten(1, 2), self.heads)
        return self.proj(y).reshape(shape)


class Block(nn.Module):
    """A multi-scale block of Hiera; window 0 attends globally."""

    def __init__(self, dim: int, dim_out: int, heads: int, window: int, pool: bool):
        super().__init__()
        self.window, self.pool = window, pool
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = BlockAttention(dim, dim_out, heads, pool)
        self.norm2 = nn.LayerNorm(dim_out, eps=1e-6)
        self.mlp = Mlp([dim_out, 4 * dim_out, dim_out], F.gelu)
        if dim != dim_out:
            self.proj = nn.Linear(dim, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C)."""
        y = self.norm1(x)
        if hasattr(self, "proj"):
            x = self.proj(y)
        if self.pool:
            x = max_pool(x)
        if self.window:
            y, rows, columns = to_windows(y, self.window)
            y = from_windows(self.attn(y), rows, columns, *x.shape[1:3])
        else:
            y = self.attn(y)
        x = x + y
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """7x7, stride 4."""

    def __init__(self, dim: int):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, 7, stride=4, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, H/4, W/4, C)."""
        return self.proj(x).permute(0, 2, 3, 1)


class NeckConv(nn.Module):
    """A lateral 1x1."""

    def __init__(self, dim: int, dim_out: int):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim_out, 1)


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves and the image, then the image to the tokens."""

    def __init__(self, dim: int, heads: int, mlp_dim: int, first: bool):
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, heads)
        self.cross_attn_token_to_image = Attention(dim, heads, 2)
        self.cross_attn_image_to_token = Attention(dim, heads, 2)
        self.mlp = Mlp([dim, mlp_dim, dim])
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(dim) for _ in range(4))

    def forward(self, q: Tensor, k: Tensor, q_pe: Tensor, k_pe: Tensor) -> tuple[Tensor, Tensor]:
        if self.first:
            q = self.self_attn(q, q, q)
        else:
            q = q + self.self_attn(q + q_pe, q + q_pe, q)
        q = self.norm1(q)
        q = self.norm2(q + self.cross_attn_token_to_image(q + q_pe, k + k_pe, k))
        q = self.norm3(q + self.mlp(q))
        k = self.norm4(k + self.cross_attn_image_to_token(k + k_pe, q + q_pe, q))
        return q, k


class TwoWayTransformer(nn.Module):
    """SAM's, of depth 2."""

    def __init__(self, c):
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(c.d_model, c.dec_heads, c.dec_mlp_dim, i == 0) for i in range(2)
        )
        self.final_attn_token_to_image = Attention(c.d_model, c.dec_heads, 2)
        self.norm_final_attn = nn.LayerNorm(c.d_model)

    def forward(self, image: Tensor, image_pe: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(N, HW, C), (1, HW, C), (N, T, C) -> tokens, image."""
        q = tokens
        for layer in self.layers:
            q, image = layer(q, image, tokens, image_pe)
        q = q + self.final_attn_token_to_image(q + tokens, image + image_pe, image)
        return self.norm_final_attn(q), image


class PositionEmbeddingRandom(nn.Module):
    """SAM's random Fourier features of a position."""

    def __init__(self, features: int):
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, features))

    def forward(self, h: int, w: int) -> Tensor:
        """(1, HW, 2 * features)."""
        matrix = self.positional_encoding_gaussian_matrix
        y = (torch.arange(h, device=matrix.device) + 0.5) / h * 2 - 1
        x = (torch.arange(w, device=matrix.device) + 0.5) / w * 2 - 1
        grid = torch.stack((x.expand(h, w), y[:, None].expand(h, w)), -1)
        with torch.autocast(matrix.device.type, enabled=False):
            angle = 2 * math.pi * (grid @ matrix)
        return torch.cat((angle.sin(), angle.cos()), -1).reshape(1, h * w, -1)
