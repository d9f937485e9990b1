"""Starting weights for the tracker: untrained, it already copies its mask by likeness and place.

A half of the memory is a projection of the features, which keys and queries compare in the slowly
turning pairs; the other half is the mask, which values hand on. Quickly turning pairs start with a
constant: a preference for the same place. The mask's 4 x 4 means in each token go through memory and
decoder as they are: the identity path of the prompt. All of it is trained further.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tracker import TRACKED, Tracker


def patches(dim: int) -> Tensor:
    """(dim, 3, 7, 7): smooth waves of rising frequency, brightness first, then colour."""
    at = (torch.arange(7) + 0.5) / 7
    waves = [(u, v, c) for c in range(3) for u in range(5) for v in range(5)]
    waves.sort(key=lambda w: w[0] + w[1] + (1.5 if w[2] else 0))
    colours = F.normalize(torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]]), dim=1)
    out = []
    for u, v, c in waves[:dim]:
        wave = (math.pi * u * at).cos()[:, None] * (math.pi * v * at).cos()
        wave = wave * torch.hann_window(9)[1:8][:, None] * torch.hann_window(9)[1:8]
        out.append(colours[c][:, None, None] * wave / wave.norm())
    return torch.stack(out) * 0.5


def initialise(model: Tracker, seed: int = 0) -> None:
    """For training from nothing."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=min(0.04, module.in_features**-0.5))
            nn.init.zeros_(module.bias)
    trunk = model.image_encoder.trunk
    trunk.patch_embed.proj.weight.data.copy_(patches(model.c.embed_dim))
    for position in (trunk.pos_embed, trunk.pos_embed_window, model.maskmem_tpos_enc,
                     model.no_obj_ptr, model.no_mem_embed, model.no_obj_embed_spatial):
        nn.init.trunc_normal_(position, std=0.02)
    for block in trunk.blocks:
        if hasattr(block, "proj"):
            nn.init.orthogonal_(block.proj.weight)
    for conv in model.image_encoder.neck.convs:
        nn.init.orthogonal_(conv.conv.weight)
        nn.init.zeros_(conv.conv.bias)
    decoder = model.sam_mask_decoder
    nn.init.zeros_(model.sam_prompt_encoder.no_mask_embed.weight)
    copy_by_likeness(model)
    carry_mask(model)
    # The tracked mask is always the first of the three, however likely the others are.
    head = model.sam_mask_decoder.iou_prediction_head.layers[-1]
    head.weight.data[TRACKED + 1 :] = 0
    head.bias.data[:] = torch.tensor([0.0, 0.0, -12.0, -12.0])
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.data[:] = 3.0


def copy_by_likeness(model: Tracker) -> None:
    """Memory attention compares features and hands masks on."""
    c = model.c
    d, m = c.d_model, c.mem_dim
    # The features' channels, and those that are kept for the mask.
    seen, half, encoder = 3 * d // 4, m // 2, model.memory_encoder
    for conv in model.image_encoder.neck.convs[:2]:
        conv.conv.weight.data[seen:] = 0
    encoder.pix_feat_proj.weight.data.zero_()[:seen] = torch.eye(seen, d)[..., None, None]
    encoder.pix_feat_proj.bias.data.zero_()
    projection = nn.init.orthogonal_(torch.empty(half, seen))
    out = encoder.out_proj.weight.data.zero_()
    out[:half, :seen] = projection[..., None, None]
    out[half:, seen:] = torch.eye(m - half, d - seen)[..., None, None]
    pair = torch.arange(d // 2) % (d // 4)
    slow = (pair >= d // 4 * 3 // 8).nonzero()[:, 0]
    near = ((pair >= 2) & (pair < 7)).nonzero()[:, 0]
    rows = torch.cat((2 * slow, 2 * slow + 1))
    expand = 1.8 * nn.init.orthogonal_(torch.empty(len(rows), half))
    for layer in model.memory_attention.layers:
        cross = layer.cross_attn_image
        cross.q_proj.weight.data.zero_()[rows, :seen] = expand @ projection
        cross.k_proj.weight.data.zero_()[rows, :half] = expand
        for proj in (cross.q_proj, cross.k_proj):
            proj.bias.data[2 * near] = 3.75
        cross.out_proj.weight.data.copy_(torch.eye(d))
        cross.v_proj.weight.data.zero_()[seen:, half:] = torch.eye(d - seen, m - half)


def carry_mask(model: Tracker) -> None:
    """The mask's 4 x 4 means in each token go through memory and decoder as they are.

    Each is kept as a pair of a channel and its negative: layer normalisation then only scales, and
    GELU(x) - GELU(-x) is x.
    """
    d = model.c.d_model
    seen = 3 * d // 4
    encoder, decoder = model.memory_encoder.mask_downsampler.encoder, model.sam_mask_decoder
    sign = torch.tensor([1.0, -1.0])
    first, second, third, fourth = (encoder[i].weight.data.mul_(0.1) for i in (0, 3, 6, 9))
    first[:2] = second[:2] = third[:8] = fourth[:32] = 0
    first[:2, 0, 1:, 1:] = 0.25 * sign[:, None, None]
    second[:2, :2, 1:, 1:] = 0.25 * (sign[:, None] * sign)[..., None, None]
    for y in range(2):
        for x in range(2):
            third[4 * y + 2 * x : 4 * y + 2 * x + 2, :2, 1 + y, 1 + x] = sign[:, None] * sign
    for y in range(4):
        for x in range(4):
            pair = 2 * (2 * (y % 2) + x % 2)
            at = 2 * (4 * y + x)
            fourth[at : at + 2, pair : pair + 2, 1 + y // 2, 1 + x // 2] = sign[:, None] * sign
    last = encoder[-1].weight.data.zero_()
    for i in range(16):
        last[seen + i, 2 * i : 2 * i + 2, 0, 0] = sign
    for layer in (0, 3, 6, 9, 12):
        encoder[layer].bias.data.zero_()

    up, down = decoder.output_upscaling[0], decoder.output_upscaling[3]
    for layer, pairs in ((up, 8), (down, 2)):
        layer.weight.data.mul_(0.5)[:, :pairs] = 0
        layer.bias.data.zero_()
    for y in range(4):
        for x in range(4):
            pair = 2 * (2 * (y % 2) + x % 2)
            up.weight.data[seen + 4 * y + x, pair : pair + 2, y // 2, x // 2] = sign
            if y < 2 and x < 2:
                down.weight.data[pair : pair + 2, :2, y, x] = sign[:, None] * sign
    for conv, pairs in ((decoder.conv_s0, 2), (decoder.conv_s1, 8)):
        conv.weight.data[:pairs] = 0
        conv.bias.data[:pairs] = 0
    # The masks begin as this pair's difference.
    for mlp in decoder.output_hypernetworks_mlps:
        mlp.layers[-1].bias.data.zero_()[:2] = 3 * sign
