"""DRM: the upscaled embedding refined with the image's own detail."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from views import double, separate, stitch

# The prompted mask's logits end here on their way past the refinement.
PROMPT_LIMIT = 6.0


def pair_conv(conv: nn.Conv3d, first: Tensor, second: Tensor) -> Tensor:
    """A depthwise Conv3d of depth 2 over [first, second], as two depthwise Conv2d."""
    w, c = conv.weight, conv.in_channels
    y = F.conv2d(first, w[:, :, 0], conv.bias, padding=1, groups=c)
    return y + F.conv2d(second, w[:, :, 1], padding=1, groups=c)


def pair_conv3d(channels: int) -> nn.Conv3d:
    """The holder of `pair_conv`'s weights, (C, 1, 2, 3, 3)."""
    return nn.Conv3d(channels, channels, (2, 3, 3), padding=(0, 1, 1), groups=channels)


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

    def __init__(self, c):
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
        if c.drm_prompt:
            self.no_prompt_scale = nn.Parameter(torch.ones(1))
            self.no_prompt_offset = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor, embedding: Tensor, mask: Tensor, has_mask: Tensor) -> Tensor:
        """(B, 3, 2S, 2S), (5B, C, S/4, S/4), (B, 1, S/2, S/2), (B, 1, 1, 1) -> logits (B, 1, 2S, 2S)."""
        if self.prompt_in_conv is None:
            return self.refine(image, embedding, 0.0)
        prompt = (mask * has_mask).clamp(-PROMPT_LIMIT, PROMPT_LIMIT)
        logits = self.refine(image, embedding, self.prompt_in_conv(prompt))
        unprompted = 1 - has_mask
        logits = logits * (has_mask + unprompted * self.no_prompt_scale)
        return logits + unprompted * self.no_prompt_offset + resize_like(prompt, logits)

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
