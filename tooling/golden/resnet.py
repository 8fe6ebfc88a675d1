"""resnet-*: features, gradients and intermediate values of narrow torchvision ResNets with frozen batch norm."""

import torch
from torchvision.models.resnet import BasicBlock as Basic
from torchvision.models.resnet import Bottleneck as Deep
from torchvision.models.resnet import ResNet
from torchvision.ops.misc import FrozenBatchNorm2d

from cases import chosen
from common import nchw, write
from vit import hooked

BATCH = 2
CASES = {
    "basic": dict(image=(37, 50), block=Basic, widths=[6, 8, 12, 16], depths=[2, 1, 1, 2], stem=10),
    "bottleneck": dict(image=(65, 34), block=Deep, widths=[8, 16, 24, 32], depths=[1, 2, 1, 1], stem=6),
    "dilated": dict(image=(70, 40), block=Deep, widths=[8, 12, 16, 24], depths=[1, 1, 1, 3], stem=4, dilated=True),
}


class Narrow(ResNet):
    """torchvision's ResNet with any widths and number of stages, without head and pool."""

    def __init__(self, block, widths, depths, stem, dilated, norm=FrozenBatchNorm2d):
        torch.nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = norm, stem, 1, 1, 64
        self.conv1 = torch.nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(stem)
        self.relu, self.maxpool = torch.nn.ReLU(), torch.nn.MaxPool2d(3, stride=2, padding=1)
        for i, (width, depth) in enumerate(zip(widths, depths)):
            planes, stride = width // block.expansion, 1 if i == 0 else 2
            stage = self._make_layer(block, planes, depth, stride, dilate=dilated and i == len(widths) - 1)
            setattr(self, f"layer{i + 1}", stage)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name, stage in self.named_children():
            if name.startswith("layer"):
                x = stage(x)
        return x


def drawn(name: str, noise: torch.Tensor) -> torch.Tensor:
    """Random values of a convolution or a frozen norm."""
    if name.endswith("running_var"):
        return 0.5 + noise.abs()
    if noise.dim() == 4:
        return noise * (2 / noise[0].numel()) ** 0.5
    return (1 if name.endswith("weight") else 0) + 0.2 * noise


@torch.no_grad()
def redraw(model: torch.nn.Module, generator: torch.Generator) -> None:
    for name, value in model.state_dict().items():
        value.copy_(drawn(name, torch.randn(value.shape, generator=generator)))


def make(name: str, image, block, widths, depths, stem, dilated=False, seed=0) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = Narrow(block, widths, depths, stem, dilated).eval()
    redraw(model, generator)
    kind = "basic" if block is Basic else "bottleneck"
    config = dict(channels=3, stemWidth=stem, block=kind, widths=widths, depths=depths, norm="frozen", dilated=dilated)
    images = torch.randn(BATCH, *image, 3, generator=generator)
    tensors = {f"param.{k}": v.clone() for k, v in model.state_dict().items()} | {"images": images}
    model.double()
    features, seen = hooked(model, nchw(images.double()))
    seed_grad = torch.randn(features.shape, generator=generator, dtype=torch.float64)
    (features * seed_grad).sum().backward()
    tensors |= {f"grad.{k}": v.grad for k, v in model.named_parameters()}
    tensors |= {"seed": seed_grad.permute(0, 2, 3, 1), "features": features.permute(0, 2, 3, 1)}
    tensors |= {f"tap.{k}": v.permute(0, 2, 3, 1) for k, v in seen.items() if k.startswith("layer") and k.count(".") == 1 and not k.endswith("<")}
    tensors["tap.stem"] = seen["maxpool"].permute(0, 2, 3, 1)
    write(f"resnet-{name}", {"config": config, "image": list(image)}, tensors)


def generate() -> None:
    for name, case, seed in chosen("resnet-", CASES):
        make(name, **case, seed=seed)
