"""SAM2's mask decoder with MCEM and HMIM, which let the views complement each other."""

import math

import torch
import torch.nn.functional as F
from layers import Attention, LayerNorm2d, Mlp, TwoWayTransformer, tokens
from torch import Tensor, nn
from views import double, separate, split, stitch


def sine_position(dim: int, h: int, w: int) -> Tensor:
    """(1, dim, h, w) of sines and cosines at half-pixel positions, y first."""
    t = 10000 ** (2 * (torch.arange(dim // 2) // 2) / (dim // 2))

    def axis(n: int) -> Tensor:
        angle = ((torch.arange(n) + 0.5) / (n + 1e-6) * 2 * math.pi)[:, None] / t
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), 2).flatten(1).T

    y = axis(h)[:, :, None].expand(-1, h, w)
    x = axis(w)[:, None, :].expand(-1, h, w)
    return torch.cat((y, x))[None]


class Mcem(nn.Module):
    """Globals attend to the stitched locals, then each local to its quadrant of the globals."""

    def __init__(self, c):
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

    def __init__(self, c):
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
