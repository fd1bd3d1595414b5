"""Losses as pure functions of tensors."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["SubCentreArcFace", "dice_loss"]


class SubCentreArcFace(nn.Module):
    """Additive angular margin over several centres a class, with classes of one design kept out of each other's way.

    Deng et al., *ArcFace* (CVPR 2019), equation 3, and *Sub-center ArcFace* (ECCV 2020), section 3.1: the cosine of a
    class is that of its nearest centre. `designs` int64 (classes,): two classes of one design are no negatives.
    """

    def __init__(
        self, classes: int, designs: Tensor, *, dimensions: int, margin: float, scale: float, centres: int
    ) -> None:
        super().__init__()
        self.margin, self.scale = margin, scale
        self.weight = nn.Parameter(torch.randn(classes, centres, dimensions))
        self.designs = nn.Buffer(designs)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of float `embeddings` (n, d) of any length with int64 `labels` (n,)."""
        cosine = self.cosines(embeddings)
        own = torch.arange(len(labels), device=labels.device)
        angle = torch.acos(cosine[own, labels].clamp(-1 + 1e-6, 1 - 1e-6))
        # Beyond π the cosine would rise again: a straight line goes on falling (the authors' own remedy).
        with_margin = torch.where(
            angle + self.margin < torch.pi,
            torch.cos(angle + self.margin),
            cosine[own, labels] - self.margin * torch.sin(torch.tensor(self.margin)),
        )
        logits = cosine.clone()
        logits[own, labels] = with_margin
        same_design = self.designs[labels][:, None] == self.designs[None, :]
        same_design[own, labels] = False
        return F.cross_entropy(self.scale * logits.masked_fill(same_design, -1e4), labels)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """Cosine (n, classes) of each embedding to the nearest centre of each class."""
        classes, centres, dimensions = self.weight.shape
        centre = F.normalize(self.weight.reshape(-1, dimensions))
        cosine = F.normalize(embeddings) @ centre.T
        return cosine.reshape(-1, classes, centres).amax(dim=2)


def dice_loss(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    """1 - Dice of sigmoid(`logits`) against `target` in [0, 1], both (n, c, h, w), averaged over n and c.

    Milletari et al., *V-Net* (2016), equation 3. `smooth` pixels added to both sides define it on empty masks.
    """
    probability = logits.sigmoid()
    overlap = (probability * target).sum(dim=(2, 3))
    total = (probability**2 + target**2).sum(dim=(2, 3))
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()
