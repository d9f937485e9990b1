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
    detail_enhance.no_prompt_scale, _offset    1 each: where there is no mask, logits are so many
                                               times as large, and more by so much

With the first two, the mask decoder's upscaled embedding is `drm_img_dim` wide (d_model / 8 as published,
d_model / 4 in nano). The heads that do not reach the logits (IoU, object score) are left out.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from decoder import MaskDecoder
from layers import Block, LayerNorm2d, NeckConv, PatchEmbed, PositionEmbeddingRandom
from refinement import DetailEnhance, pair_conv, pair_conv3d
from torch import Tensor, nn
from views import double, halve, image_views, separate, split, stitch


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
        return self.detail_enhance(image, embedding, mask, has_mask), masks

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
