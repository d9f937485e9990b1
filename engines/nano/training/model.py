"""MGD-SAM2's image path under its official key names, and nano's three departures from it.

With `drm_half`, `drm_prompt` and `hmim_thin` off this is the published architecture; a checkpoint's
keys load unchanged. Nano (`NANO`) switches all on. What they change, and nothing else:

`hmim_thin`: the finest level stays thin, d0 = `drm_img_dim` channels instead of `d_model`.
    image_encoder.neck.convs.3.conv            1x1, embed_dim -> d0
    sam_mask_decoder.new_fusion1.pre           1x1 with bias, d_model -> d0: the first thing done to
                                               the locals handed on by new_fusion2
    sam_mask_decoder.new_fusion1.*             all widths d0
    sam_mask_decoder.conv_s0                   absent: new_fusion1's views are used as they are
`drm_half`: the refinement works at half of the image's size.
    detail_enhance.img_in_conv.0               3x3 with stride 2 and padding 1: the image branch is S x S
    detail_enhance.feature_upsample2           as published: S/2 -> S
    detail_enhance.feature_upsample3           the same convolution, without the upsampling: S -> S
    detail_enhance.fusion_conv                 widths 16 and 16 instead of 32 and 16
    detail_enhance.out_conv                    16 -> 4, then a pixel shuffle by 2 (ONNX DepthToSpace,
                                               mode CRD): one logit at 2S x 2S
`drm_prompt`: the refinement corrects the prompted mask, its logits cut off at -6 and 6.
    detail_enhance.prompt_in_conv              3x3, 1 -> `drm_img_dim`, of the mask at S/2,
                                               added to the fused views; the mask itself, enlarged
                                               bilinearly, is added to the logits

With the first two, the mask decoder's upscaled embedding is `drm_img_dim` wide (d_model / 8 as published,
d_model / 4 in nano). The heads that do not reach the logits (IoU, object score) are left out.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Every size of the image path; the image is 2 * inp_size square."""

    inp_size: int
    embed_dim: int
    num_heads: int
    stages: tuple[int, ...]
    global_att_blocks: tuple[int, ...]
    window_pos_embed_bkg_spatial_size: tuple[int, int]
    window_spec: tuple[int, ...]
    fpn_top_down_levels: tuple[int, ...]
    d_model: int
    scale_factor: int
    dec_heads: int
    dec_mlp_dim: int
    mcem_heads: int
    mcem_mlp_dim: int
    drm_img_dim: int
    hmim_thin: bool = False
    drm_half: bool = False
    drm_prompt: bool = False


NANO = Config(
    inp_size=128,
    embed_dim=24,
    num_heads=1,
    stages=(1, 2, 3, 2),
    global_att_blocks=(4, 5, 6, 7),
    window_pos_embed_bkg_spatial_size=(7, 7),
    window_spec=(8, 4, 12, 6),
    fpn_top_down_levels=(2, 3),
    d_model=64,
    scale_factor=8,
    dec_heads=4,
    dec_mlp_dim=256,
    mcem_heads=4,
    mcem_mlp_dim=128,
    drm_img_dim=16,
    hmim_thin=True,
    drm_half=True,
    drm_prompt=True,
)
# The prompted mask's logits end here on their way past the refinement.
PROMPT_LIMIT = 6.0


# --- views: [4B locals, B globals], each image's quadrants row-major ---


def stitch(locals_: Tensor) -> Tensor:
    """(4B, C, H, W) -> (B, C, 2H, 2W)."""
    n, c, h, w = locals_.shape
    x = locals_.reshape(n // 4, 2, 2, c, h, w)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(n // 4, c, 2 * h, 2 * w)


def split(image: Tensor) -> Tensor:
    """(B, C, 2H, 2W) -> (4B, C, H, W)."""
    b, c, h, w = image.shape
    x = image.reshape(b, c, 2, h // 2, 2, w // 2)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(4 * b, c, h // 2, w // 2)


def separate(views: Tensor) -> tuple[Tensor, Tensor]:
    """(5B, ...) -> the 4B locals and the B globals."""
    b = views.shape[0] // 5
    return views[: 4 * b], views[4 * b :]


def double(x: Tensor) -> Tensor:
    """Bilinear, to twice the size."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def halve(x: Tensor) -> Tensor:
    """To half the size: bilinear without antialias is exactly the mean of 2x2."""
    return F.avg_pool2d(x, 2)


def image_views(image: Tensor) -> Tensor:
    """(B, 3, 2S, 2S) -> (5B, 3, S, S)."""
    return torch.cat((split(image), halve(image)))


# --- layers ---


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


def pair_conv(conv: nn.Conv3d, first: Tensor, second: Tensor) -> Tensor:
    """A depthwise Conv3d of depth 2 over [first, second], as two depthwise Conv2d."""
    w, c = conv.weight, conv.in_channels
    y = F.conv2d(first, w[:, :, 0], conv.bias, padding=1, groups=c)
    return y + F.conv2d(second, w[:, :, 1], padding=1, groups=c)


def pair_conv3d(channels: int) -> nn.Conv3d:
    """The holder of `pair_conv`'s weights, (C, 1, 2, 3, 3)."""
    return nn.Conv3d(channels, channels, (2, 3, 3), padding=(0, 1, 1), groups=channels)


# --- image encoder ---


class DwConv(nn.Module):
    """The adapter's exchange between the stitched locals and the globals, plus its input."""

    def __init__(self, channels: int):
        super().__init__()
        self.dwconv_loc = pair_conv3d(channels)
        self.dwconv_glb = pair_conv3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(5B, H, W, C)."""
        locals_, globals_ = separate(x.permute(0, 3, 1, 2))
        image = stitch(locals_)
        new_globals = pair_conv(self.dwconv_glb, globals_, halve(image))
        new_locals = split(pair_conv(self.dwconv_loc, image, double(globals_)))
        return torch.cat((new_locals, new_globals)).permute(0, 2, 3, 1) + x


def adapter(dim: int, scale_factor: int) -> nn.Sequential:
    """Down, exchange, GELU, up: what a block's input gains."""
    inner = max(dim // scale_factor, 1)
    return nn.Sequential(nn.Linear(dim, inner), DwConv(inner), nn.GELU(), nn.Linear(inner, dim))


def max_pool(x: Tensor) -> Tensor:
    """(N, H, W, C), by 2."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).amax((2, 4))


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


class Trunk(nn.Module):
    """Hiera, one adapter before each block."""

    def __init__(self, c: Config):
        super().__init__()
        background = c.window_pos_embed_bkg_spatial_size
        self.patch_embed = PatchEmbed(c.embed_dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, c.embed_dim, *background))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, c.embed_dim, *[c.window_spec[0]] * 2))
        self.blocks = nn.ModuleList()
        self.mpadapter = nn.ModuleDict()
        self.adapter_names: list[str] = []
        self.stage_ends: list[int] = []
        dim, heads = c.embed_dim, c.num_heads
        for stage, depth in enumerate(c.stages):
            for i in range(depth):
                first = stage > 0 and i == 0
                window = c.window_spec[stage - 1 if first else stage]
                if len(self.blocks) in c.global_att_blocks:
                    window = 0
                heads *= 2 if first else 1
                self._add_adapter(stage - 1 if first else stage, dim, c.scale_factor)
                dim_out = 2 * dim if first else dim
                self.blocks.append(Block(dim, dim_out, heads, window, first))
                dim = dim_out
            self.stage_ends.append(len(self.blocks) - 1)

    def _add_adapter(self, stage: int, dim: int, scale_factor: int) -> None:
        index = sum(name.startswith(f"lightweight_mlp{stage + 1}_") for name in self.mpadapter)
        name = f"lightweight_mlp{stage + 1}_{index}"
        self.mpadapter[name] = adapter(dim, scale_factor)
        self.adapter_names.append(name)

    def position(self, h: int, w: int) -> Tensor:
        """(1, H, W, C)."""
        x = F.interpolate(self.pos_embed, size=(h, w), mode="bicubic", align_corners=False)
        size = self.pos_embed_window.shape[-1]
        x = x + self.pos_embed_window.tile(1, 1, h // size, w // size)
        return x.permute(0, 2, 3, 1)

    def forward(self, views: Tensor) -> list[Tensor]:
        """(5B, 3, S, S) -> four NCHW taps at strides 4, 8, 16, 32."""
        x = self.patch_embed(views)
        x = x + self.position(*x.shape[1:3])
        taps = []
        for i, (name, block) in enumerate(zip(self.adapter_names, self.blocks)):
            x = block(x + self.mpadapter[name](x))
            if i in self.stage_ends:
                taps.append(x.permute(0, 3, 1, 2))
        return taps


class NeckConv(nn.Module):
    """A lateral 1x1."""

    def __init__(self, dim: int, dim_out: int):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim_out, 1)


class FpnNeck(nn.Module):
    """Lateral 1x1s, coarsest first in the keys; the coarsest level is dropped."""

    def __init__(self, c: Config):
        super().__init__()
        self.top_down_levels = c.fpn_top_down_levels
        finest = c.drm_img_dim if c.hmim_thin else c.d_model
        dims_out = [c.d_model, c.d_model, c.d_model, finest]
        self.convs = nn.ModuleList(
            NeckConv(c.embed_dim * 2 ** (3 - i), d) for i, d in enumerate(dims_out)
        )

    def forward(self, taps: list[Tensor]) -> list[Tensor]:
        """Strides 4, 8, 16."""
        levels: list[Tensor] = []
        for level in reversed(range(4)):
            x = self.convs[3 - level].conv(taps[level])
            if levels and level in self.top_down_levels:
                x = x + double(levels[0])
            levels.insert(0, x)
        return levels[:3]


class ImageEncoder(nn.Module):
    """Trunk and neck."""

    def __init__(self, c: Config):
        super().__init__()
        self.trunk = Trunk(c)
        self.neck = FpnNeck(c)

    def forward(self, views: Tensor) -> list[Tensor]:
        return self.neck(self.trunk(views))


# --- mask decoder ---


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

    def __init__(self, c: Config):
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


def sine_position(dim: int, h: int, w: int) -> Tensor:
    """(1, dim, h, w) of sines and cosines at half-pixel positions, y first."""
    t = 10000 ** (2 * (torch.arange(dim // 2) // 2) / (dim // 2))

    def axis(n: int) -> Tensor:
        angle = ((torch.arange(n) + 0.5) / (n + 1e-6) * 2 * math.pi)[:, None] / t
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), 2).flatten(1).T

    y = axis(h)[:, :, None].expand(-1, h, w)
    x = axis(w)[:, None, :].expand(-1, h, w)
    return torch.cat((y, x))[None]


def tokens(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, HW, C)."""
    return x.flatten(2).transpose(1, 2)


class Mcem(nn.Module):
    """Globals attend to the stitched locals, then each local to its quadrant of the globals."""

    def __init__(self, c: Config):
        super().__init__()
        d = c.d_model
        self.attention = nn.ModuleList(Attention(d, c.mcem_heads, 2) for _ in range(5))
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(d) for _ in range(4))
        self.mlp1 = Mlp([d, c.mcem_mlp_dim, d])
        self.mlp2 = Mlp([d, c.mcem_mlp_dim, d])

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """(5B, C, H, W) -> views, stitched locals (B, C, 2H, 2W)."""
        locals_, globals_ = separate(views)
        b, c, h, w = globals_.shape
        pe = sine_position(c, 2 * h, 2 * w).to(views)
        pe_half = F.interpolate(pe, scale_factor=0.5, mode="bicubic", align_corners=False)

        image, g = tokens(stitch(locals_)), tokens(globals_)
        g = self.norm1(g + self.attention[0](g + tokens(pe_half), image + tokens(pe), image))
        g = self.norm2(g + self.mlp1(g))

        def quadrants(x: Tensor) -> Tensor:
            return split(x).reshape(-1, 4, c, *split(x).shape[2:])

        globals_ = g.transpose(1, 2).reshape(b, c, h, w)
        own, own_pe = locals_.reshape(b, 4, c, h, w), quadrants(pe)
        other, other_pe = quadrants(globals_), quadrants(pe_half)
        seen = [
            self.attention[i + 1](
                tokens(own[:, i] + own_pe[:, i]),
                tokens(other[:, i] + other_pe[:, i]),
                tokens(other[:, i]),
            )
            for i in range(4)
        ]
        l = tokens(locals_)
        l = self.norm3(l + torch.stack(seen, 1).flatten(0, 1))
        l = self.norm4(l + self.mlp2(l))
        locals_ = l.transpose(1, 2).reshape(4 * b, c, h, w)
        return torch.cat((locals_, globals_)), stitch(locals_)


class Hmim(nn.Module):
    """A finer level exchanges between locals and globals, guided by the coarser locals."""

    def __init__(self, dim: int, dim_previous: int):
        super().__init__()
        if dim != dim_previous:
            self.pre = nn.Conv2d(dim_previous, dim, 1)
        self.locpre2glb = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.glb2loc = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.fuse1 = nn.Conv2d(2 * dim, dim, 1)
        self.fuse2 = nn.Conv2d(2 * dim, dim, 1)
        self.fuse3 = nn.Sequential(LayerNorm2d(dim), nn.GELU(), nn.Conv2d(dim, dim, 1))

    def forward(self, views: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """(5B, C, H, W), (B, C', H, W) -> views, stitched locals (B, C, 2H, 2W)."""
        locals_, globals_ = separate(views)
        image = stitch(locals_)
        if hasattr(self, "pre"):
            previous = self.pre(previous)
        globals_ = self.fuse1(torch.cat((globals_, self.locpre2glb(previous)), 1)) + globals_
        image = self.fuse2(torch.cat((self.glb2loc(double(globals_)), image), 1)) + image
        views = self.fuse3(torch.cat((split(image), globals_)))
        return views, stitch(separate(views)[0])


class MaskDecoder(nn.Module):
    """SAM2's decoder with MCEM and HMIM between the transformer and the upscaling."""

    def __init__(self, c: Config):
        super().__init__()
        d, up = c.d_model, c.drm_img_dim
        self.transformer = TwoWayTransformer(c)
        self.obj_score_token = nn.Embedding(1, d)
        self.iou_token = nn.Embedding(1, d)
        self.mask_tokens = nn.Embedding(2, d)
        self.new_multifieldcrossatt = Mcem(c)
        self.new_fusion2 = Hmim(d, d)
        self.new_fusion1 = Hmim(up if c.hmim_thin else d, d)
        self.conv_s0 = None if c.hmim_thin else nn.Conv2d(d, up, 1)
        self.conv_s1 = nn.Conv2d(d, d // 4, 1)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(d, d // 4, 2, 2),
            LayerNorm2d(d // 4),
            nn.GELU(),
            nn.ConvTranspose2d(d // 4, up, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleDict({"1": Mlp([d, d, d, up])})

    def forward(
        self, levels: list[Tensor], dense_prompt: Tensor, image_pe: Tensor
    ) -> tuple[Tensor, Tensor]:
        """-> upscaled embedding (5B, up, S/4, S/4), auxiliary mask logits (5B, 1, S/4, S/4)."""
        s0, s1, src = levels
        n, c, h, w = src.shape
        q = torch.cat((self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight))
        q = q.expand(n, -1, -1)
        q, src = self.transformer(tokens(src + dense_prompt), image_pe, q)
        src, previous = self.new_multifieldcrossatt(src.transpose(1, 2).reshape(n, c, h, w))
        s1, previous = self.new_fusion2(s1, previous)
        s0, _ = self.new_fusion1(s0, previous)
        if self.conv_s0 is not None:
            s0 = self.conv_s0(s0)
        dc1, ln1, act1, dc2, act2 = self.output_upscaling
        up = act2(dc2(act1(ln1(dc1(src) + self.conv_s1(s1)))) + s0)
        # Token 3 is mask token 1, the only one that the published model reads.
        hyper = self.output_hypernetworks_mlps["1"](q[:, 3])
        return up, torch.einsum("nc,nchw->nhw", hyper, up)[:, None]


# --- detail refinement ---


def conv_bn(i: int, o: int, size: int, bias: bool = False, stride: int = 1) -> list[nn.Module]:
    """A convolution and its batch normalisation."""
    conv = nn.Conv2d(i, o, size, stride=stride, padding=size // 2, bias=bias)
    return [conv, nn.BatchNorm2d(o)]


class ImageBranch(nn.Module):
    """Parallel 3x3, 5x5 and 7x7 with a residual."""

    def __init__(self, c: int):
        super().__init__()
        half = c // 2
        self.linear = nn.Conv2d(c, half, 1)
        self.conv1 = nn.Sequential(*conv_bn(half, half, 3, bias=True))
        self.conv2 = nn.Sequential(*conv_bn(half, half, 5, bias=True))
        self.conv3 = nn.Sequential(*conv_bn(half, half, 7, bias=True))
        self.projector = nn.Sequential(nn.ReLU(), *conv_bn(3 * half, c, 1, bias=True))

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        y = torch.cat((self.conv1(y), self.conv2(y), self.conv3(y)), 1)
        return F.relu(self.projector(y) + x)


class DetailEnhance(nn.Module):
    """DRM: the upscaled embedding refined with the image's own detail."""

    def __init__(self, c: Config):
        super().__init__()
        d, self.half = c.drm_img_dim, c.drm_half
        wide, outputs = (16, 4) if self.half else (32, 1)
        self.img_in_conv = nn.Sequential(
            *conv_bn(3, d, 3, stride=2 if self.half else 1), nn.ReLU()
        )
        self.img_er = ImageBranch(d)
        self.fusion_feature = pair_conv3d(d)
        self.fusion_feature_bn = nn.Sequential(nn.BatchNorm2d(d), nn.ReLU())
        upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.feature_upsample2 = nn.Sequential(upsample, *conv_bn(d, d, 3), nn.ReLU())
        third = nn.Identity() if self.half else upsample
        self.feature_upsample3 = nn.Sequential(third, *conv_bn(d, d, 3), nn.ReLU())
        self.fusion_conv = nn.Sequential(
            *conv_bn(d, wide, 3), nn.ReLU(), *conv_bn(wide, 16, 3), nn.ReLU()
        )
        self.out_conv = nn.Conv2d(16, outputs, 1)
        self.prompt_in_conv = nn.Conv2d(1, d, 3, padding=1, bias=False) if c.drm_prompt else None

    def forward(self, image: Tensor, embedding: Tensor, prompt: Tensor) -> Tensor:
        """(B, 3, 2S, 2S), (5B, C, S/4, S/4), (B, 1, S/2, S/2) -> logits (B, 1, 2S, 2S)."""
        if self.prompt_in_conv is None:
            return self.refine(image, embedding, 0.0)
        prompt = prompt.clamp(-PROMPT_LIMIT, PROMPT_LIMIT)
        logits = self.refine(image, embedding, self.prompt_in_conv(prompt))
        return logits + resize_like(prompt, logits)

    def refine(self, image: Tensor, embedding: Tensor, prompt: Tensor | float) -> Tensor:
        locals_, globals_ = separate(embedding)
        x = pair_conv(self.fusion_feature, stitch(locals_), double(globals_))
        x = self.fusion_feature_bn(x) + prompt
        detail = self.img_er(self.img_in_conv(image))
        x = self.feature_upsample2(x + resize_like(detail, x))
        x = self.feature_upsample3(x + resize_like(detail, x))
        x = self.out_conv(self.fusion_conv(x))
        return F.pixel_shuffle(x, 2) if self.half else x


def resize_like(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear without antialias, to `like`'s size."""
    size = like.shape[-2:]
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


# --- the whole ---


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


def mask_downscaling(c: Config) -> nn.Sequential:
    """SAM's way of a mask prompt: (N, 1, 4h, 4w) -> (N, C, h, w)."""
    first, second = [nn.Conv2d(1, 4, 2, 2), LayerNorm2d(4)], [nn.Conv2d(4, 16, 2, 2), LayerNorm2d(16)]
    return nn.Sequential(*first, nn.GELU(), *second, nn.GELU(), nn.Conv2d(16, c.d_model, 1))


class MgdSam2(nn.Module):
    """Normalised image in, logits out."""

    def __init__(self, c: Config):
        super().__init__()
        if c.drm_prompt:
            self.mask_downscaling = mask_downscaling(c)
        self.image_encoder = ImageEncoder(c)
        self.no_mask_embed = nn.Embedding(1, c.d_model)
        self.pe_layer = PositionEmbeddingRandom(c.d_model // 2)
        self.sam_mask_decoder = MaskDecoder(c)
        self.detail_enhance = DetailEnhance(c)

    def forward(
        self, image: Tensor, mask: Tensor | None = None, has_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, 3, 2S, 2S) -> logits (B, 1, 2S, 2S), auxiliary mask logits (5B, 1, S/4, S/4).

        The prompt is mask logits (B, 1, S/2, S/2), which count where `has_mask` (B) is 1, not 0.
        """
        if mask is None:
            mask = image.new_zeros(len(image), 1, *(n // 4 for n in image.shape[2:]))
            has_mask = image.new_zeros(len(image))
        has_mask = has_mask[:, None, None, None]
        levels = self.image_encoder(image_views(image))
        image_pe = self.pe_layer(*levels[2].shape[-2:])
        dense_prompt = self.dense_prompt(mask, has_mask)
        embedding, masks = self.sam_mask_decoder(levels, dense_prompt, image_pe)
        return self.detail_enhance(image, embedding, mask * has_mask), masks

    def dense_prompt(self, mask: Tensor, has_mask: Tensor) -> Tensor:
        """The mask as each view sees it, (5B, C, S/16, S/16), or what stands for none."""
        none = self.no_mask_embed.weight[:, :, None, None]
        if not hasattr(self, "mask_downscaling"):
            return none
        shown = self.mask_downscaling(image_views(mask))
        has_mask = torch.cat((has_mask.repeat_interleave(4, 0), has_mask))
        return shown * has_mask + none * (1 - has_mask)


def initialise(model: MgdSam2) -> None:
    """Starting weights for training from nothing: adapters add nothing at first."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=min(0.04, module.in_features**-0.5))
            nn.init.zeros_(module.bias)
    trunk = model.image_encoder.trunk
    for position in (trunk.pos_embed, trunk.pos_embed_window):
        nn.init.trunc_normal_(position, std=0.02)
    for lightweight_mlp in trunk.mpadapter.values():
        nn.init.zeros_(lightweight_mlp[3].weight)
    # A prompted mask is returned almost as it is: half of the channels speak for the foreground.
    out_conv = model.detail_enhance.out_conv
    out_conv.weight.data[:] = torch.tensor([0.05, -0.05]).repeat(8)[:, None, None]
    nn.init.zeros_(out_conv.bias)
