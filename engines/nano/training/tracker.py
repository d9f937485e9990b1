"""SAM2's video tracker under its official key names, in nano's sizes: one object, one mask prompt.

One class of graphs as the program runs them: image encoder, memory attention, mask decoder with and
without a prompt, memory encoder. What the published model chooses among (three masks of an ambiguous
prompt) is built and loaded, but nano's heads always choose the first of the three.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from layers import (
    Block,
    LayerNorm2d,
    Mlp,
    NeckConv,
    PatchEmbed,
    PositionEmbeddingRandom,
    TwoWayTransformer,
    tokens,
)
from memory import MemoryAttention, MemoryEncoder, sine_position, temporal_encoding
from torch import Tensor, nn

# A mask prompt's 0 and 1 become these logits' ends; so do probabilities that are remembered.
MASK_SCALE, MASK_BIAS = 20.0, -10.0
# Mask logits where the object is not in the frame.
NO_OBJECT = -1024.0
MASKS = 4
# The decoder's mask of every tracked frame: the first of those for ambiguous prompts.
TRACKED = 1


@dataclass(frozen=True)
class TrackerConfig:
    """Every size of the tracker; `model::Sam2Config` has the same names."""

    image_size: int = 256
    embed_dim: int = 24
    num_heads: int = 1
    stages: tuple[int, ...] = (1, 2, 3, 2)
    global_att_blocks: tuple[int, ...] = (4, 5, 6, 7)
    window_pos_embed_bkg_spatial_size: tuple[int, int] = (7, 7)
    window_spec: tuple[int, ...] = (8, 4, 12, 6)
    d_model: int = 128
    mem_dim: int = 64
    mem_layers: int = 2
    ff: int = 256
    dec_heads: int = 4
    dec_mlp_dim: int = 256
    num_maskmem: int = 4
    max_obj_ptrs: int = 4


NANO_TRACKER = TrackerConfig()


class Trunk(nn.Module):
    """Hiera."""

    def __init__(self, c: TrackerConfig):
        super().__init__()
        self.patch_embed = PatchEmbed(c.embed_dim)
        background = c.window_pos_embed_bkg_spatial_size
        self.pos_embed = nn.Parameter(torch.zeros(1, c.embed_dim, *background))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, c.embed_dim, *[c.window_spec[0]] * 2))
        self.blocks = nn.ModuleList()
        self.stage_ends: list[int] = []
        for stage, depth in enumerate(c.stages):
            for i in range(depth):
                pools = stage > 0 and i == 0
                window = c.window_spec[stage - pools]
                if len(self.blocks) in c.global_att_blocks:
                    window = 0
                dim = c.embed_dim << stage
                heads = c.num_heads << stage
                self.blocks.append(Block(dim >> pools, dim, heads, window, pools))
            self.stage_ends.append(len(self.blocks) - 1)

    def position(self, h: int, w: int) -> Tensor:
        """(1, H, W, C)."""
        x = F.interpolate(self.pos_embed, size=(h, w), mode="bicubic", align_corners=False)
        size = self.pos_embed_window.shape[-1]
        x = x + self.pos_embed_window.tile(1, 1, h // size, w // size)
        return x.permute(0, 2, 3, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, S, S) -> four NCHW taps at strides 4, 8, 16, 32."""
        x = self.patch_embed(image)
        x = x + self.position(*x.shape[1:3])
        taps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.stage_ends:
                taps.append(x.permute(0, 3, 1, 2))
        return taps


class FpnNeck(nn.Module):
    """Lateral 1x1s, coarsest first in the keys; the coarsest level is added to the next."""

    def __init__(self, c: TrackerConfig):
        super().__init__()
        self.convs = nn.ModuleList(NeckConv(c.embed_dim << i, c.d_model) for i in (3, 2, 1, 0))

    def forward(self, taps: list[Tensor]) -> list[Tensor]:
        """Strides 4, 8, 16."""
        fine, middle, coarse, coarsest = (
            conv.conv(tap) for conv, tap in zip(reversed(self.convs), taps)
        )
        return [fine, middle, coarse + F.interpolate(coarsest, scale_factor=2.0, mode="nearest")]


class ImageEncoder(nn.Module):
    """Trunk and neck."""

    def __init__(self, c: TrackerConfig):
        super().__init__()
        self.trunk = Trunk(c)
        self.neck = FpnNeck(c)

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.neck(self.trunk(image))


class PromptEncoder(nn.Module):
    """Points, boxes and masks."""

    def __init__(self, dim: int):
        super().__init__()
        self.pe_layer = PositionEmbeddingRandom(dim // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2), LayerNorm2d(4), nn.GELU(),
            nn.Conv2d(4, 16, 2, 2), LayerNorm2d(16), nn.GELU(),
            nn.Conv2d(16, dim, 1),
        )
        self.no_mask_embed = nn.Embedding(1, dim)

    def points(self, coordinates: Tensor, kinds: Tensor) -> Tensor:
        """(N, T, 2) in 0..1 of the picture and (N, T), -1 for no point, 0 and 1 for background and
        foreground, 2 and 3 for a box's corners, to (N, T, C)."""
        matrix = self.pe_layer.positional_encoding_gaussian_matrix
        angle = 2 * math.pi * ((2 * coordinates - 1) @ matrix)
        position = torch.cat((angle.sin(), angle.cos()), -1) * (kinds >= 0)[..., None]
        table = [self.not_a_point_embed.weight, *(e.weight for e in self.point_embeddings)]
        return position + torch.cat(table)[kinds + 1]

    def nothing(self, n: int) -> Tensor:
        """What no points are: (N, 2, C)."""
        return self.not_a_point_embed.weight.expand(n, 2, -1)


class MaskDecoder(nn.Module):
    """Four masks, their likely IoU, the mask tokens, and whether the object is there."""

    def __init__(self, c: TrackerConfig):
        super().__init__()
        d = c.d_model
        self.transformer = TwoWayTransformer(c)
        self.obj_score_token = nn.Embedding(1, d)
        self.iou_token = nn.Embedding(1, d)
        self.mask_tokens = nn.Embedding(MASKS, d)
        self.conv_s0 = nn.Conv2d(d, d // 8, 1)
        self.conv_s1 = nn.Conv2d(d, d // 4, 1)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(d, d // 4, 2, 2), LayerNorm2d(d // 4), nn.GELU(),
            nn.ConvTranspose2d(d // 4, d // 8, 2, 2), nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(Mlp([d, d, d, d // 8]) for _ in range(MASKS))
        self.iou_prediction_head = Mlp([d, 256, 256, MASKS])
        self.pred_obj_score_head = Mlp([d, d, d, 1])

    def forward(self, image: Tensor, image_pe: Tensor, sparse: Tensor, high_res: list[Tensor]):
        """(N, h * w, C), (1, h * w, C), (N, T, C), strides 4 and 8 -> masks (N, 4, 4h, 4w), ious
        (N, 4), mask tokens (N, 4, C), object score (N, 1)."""
        n, length, c = image.shape
        grid = math.isqrt(length)
        q = torch.cat((self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight))
        q = torch.cat((q.expand(n, -1, -1), sparse), 1)
        q, image = self.transformer(image, image_pe, q)
        dc1, ln1, act1, dc2, act2 = self.output_upscaling
        s0, s1 = high_res
        up = dc1(image.transpose(1, 2).reshape(n, c, grid, grid))
        up = act2(dc2(act1(ln1(up + s1))) + s0)
        mask_tokens = q[:, 2 : 2 + MASKS]
        kernels = [mlp(mask_tokens[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)]
        masks = torch.einsum("nmc,nchw->nmhw", torch.stack(kernels, 1), up)
        ious = self.iou_prediction_head(q[:, 1]).sigmoid()
        return masks, ious, mask_tokens, self.pred_obj_score_head(q[:, 0])


@dataclass
class Encoded:
    """A picture's features (N, h * w, C), and those at strides 4 and 8."""

    features: Tensor
    high_res: list[Tensor]

    def __getitem__(self, index) -> "Encoded":
        return Encoded(self.features[index], [x[index] for x in self.high_res])


@dataclass
class Decoded:
    """Masks (N, 4, 4h, 4w), ious (N, 4), pointers (N, 5, C), the last that of no object; score (N, 1)."""

    masks: Tensor
    ious: Tensor
    pointers: Tensor
    score: Tensor


@dataclass
class Remembered:
    """A frame's memory (N, h * w, mem_dim) and pointer (N, C)."""

    features: Tensor
    pointer: Tensor


class Tracker(nn.Module):
    """The graphs that the program runs, and what it does between them."""

    def __init__(self, c: TrackerConfig = NANO_TRACKER):
        super().__init__()
        self.c, d = c, c.d_model
        self.image_encoder = ImageEncoder(c)
        self.sam_mask_decoder = MaskDecoder(c)
        self.sam_prompt_encoder = PromptEncoder(d)
        self.mask_downsample = nn.Conv2d(1, 1, 4, 4)
        self.memory_attention = MemoryAttention(c)
        self.memory_encoder = MemoryEncoder(c)
        self.obj_ptr_proj = Mlp([d, d, d, d])
        self.obj_ptr_tpos_proj = nn.Linear(d, c.mem_dim)
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, d))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, d))
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(c.num_maskmem, 1, 1, c.mem_dim))
        self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, c.mem_dim))

    def encode(self, image: Tensor) -> Encoded:
        """(N, 3, S, S), normalised."""
        fine, middle, coarse = self.image_encoder(image)
        decoder = self.sam_mask_decoder
        return Encoded(tokens(coarse), [decoder.conv_s0(fine), decoder.conv_s1(middle)])

    def decode(self, x: Encoded, sparse: Tensor, dense: Tensor) -> Decoded:
        grid = math.isqrt(x.features.shape[1])
        pe = self.sam_prompt_encoder.pe_layer(grid, grid)
        y = self.sam_mask_decoder(x.features + dense, pe, sparse, x.high_res)
        masks, ious, mask_tokens, score = y
        nowhere = self.no_obj_ptr.expand(len(masks), 1, -1)
        return Decoded(masks, ious, torch.cat((self.obj_ptr_proj(mask_tokens), nowhere), 1), score)

    def decode_mask_prompt(self, x: Encoded, mask: Tensor) -> Decoded:
        """(N, 1, S, S), 0 to 1: only the pointer counts."""
        prompts = self.sam_prompt_encoder
        dense = tokens(prompts.mask_downscaling(self.mask_downsample(mask)))
        return self.decode(x, prompts.nothing(len(mask)), dense)

    def decode_points(self, x: Encoded, coordinates: Tensor, kinds: Tensor) -> Decoded:
        """Points that end with one that is none."""
        prompts = self.sam_prompt_encoder
        x = Encoded(x.features + self.no_mem_embed, x.high_res)
        return self.decode(x, prompts.points(coordinates, kinds), prompts.no_mask_embed.weight[:, None])

    def remember(self, x: Encoded, logits: Tensor, pointer: Tensor, absent: Tensor) -> Remembered:
        """Logits (N, 1, S, S), absent (N, 1), 1 where the object is not in the frame."""
        grid = math.isqrt(x.features.shape[1])
        features = x.features.transpose(1, 2).unflatten(2, (grid, grid))
        memory = self.memory_encoder(features, logits.sigmoid() * MASK_SCALE + MASK_BIAS)
        memory = memory + (absent * self.no_obj_embed_spatial)[:, None]
        return Remembered(memory, pointer)

    def attend(
        self, x: Encoded, maps: list[tuple[int, Tensor]], pointers: list[tuple[int, Tensor]]
    ) -> Encoded:
        """Maps with their row of the temporal table, pointers with their distance in frames."""
        c, n = self.c, len(x.features)
        grid = math.isqrt(x.features.shape[1])
        place = sine_position(c.mem_dim, grid, grid).to(x.features)
        keys = [m + place + self.maskmem_tpos_enc[row, 0] for row, m in maps]
        values = [m for _, m in maps]
        for distance, pointer in pointers:
            time = temporal_encoding(distance / max(c.max_obj_ptrs - 1, 1), c.d_model).to(place)
            split = pointer.reshape(n, -1, c.mem_dim)
            values.append(split)
            keys.append(split + self.obj_ptr_tpos_proj(time))
        y = self.memory_attention(x.features, torch.cat(values, 1), torch.cat(keys, 1), grid)
        return Encoded(y, x.high_res)

    def prompt(self, x: Encoded, mask: Tensor) -> Remembered:
        """Starts with a mask (N, 1, S, S) of what is there."""
        y = self.decode_mask_prompt(x, mask)
        logits = mask * MASK_SCALE + MASK_BIAS
        return self.remember(x, logits, y.pointers[:, 0], mask.new_zeros(len(mask), 1))

    def step(self, x: Encoded, first: Remembered, age: int, last: list[Remembered]) -> Decoded:
        """The next frame, `age` frames after the prompted one; `last` has the latest frame last."""
        rows = self.c.num_maskmem - 1
        recent = last[::-1]
        maps = [(rows, first.features)] + [(i, m.features) for i, m in enumerate(recent[:rows])]
        near = recent[: self.c.max_obj_ptrs - 1]
        pointers = [(age, first.pointer)] + [(i + 1, m.pointer) for i, m in enumerate(near)]
        conditioned = self.attend(x, maps, pointers)
        prompts = self.sam_prompt_encoder
        dense = prompts.no_mask_embed.weight[:, None]
        return self.decode(conditioned, prompts.nothing(len(x.features)), dense)

    def remember_tracked(self, x: Encoded, y: Decoded) -> Remembered:
        """What the program remembers of a tracked frame."""
        absent = (y.score <= 0).float()
        mask = torch.where(absent[..., None, None] > 0, NO_OBJECT, y.masks[:, TRACKED : TRACKED + 1])
        logits = F.interpolate(mask, scale_factor=4.0, mode="bilinear", align_corners=False)
        pointer = torch.where(absent > 0, y.pointers[:, -1], y.pointers[:, TRACKED])
        return self.remember(x, logits, pointer, absent)
