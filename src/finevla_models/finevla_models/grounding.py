"""Where in the image is what the sentence names: a small CNN whose feature map is read by queries made from the text."""

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, group norm, SiLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(8, outputs), nn.SiLU(inplace=True)
    )


class TextQueries(nn.Module):
    """Learned queries that read the words: `text` (B, T, D), `mask` (B, T) -> (B, queries, D)."""

    def __init__(self, width: int, queries: int, heads: int = 4) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(queries, width) * 0.02)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, text: Tensor, mask: Tensor) -> Tensor:
        queries = self.queries.expand(text.shape[0], -1, -1)
        read, _ = self.attention(queries, text, text, key_padding_mask=mask < 0.5, need_weights=False)
        return self.norm(queries + read)


class GroundedCamera(nn.Module):
    """Image and text queries to attended features and image coordinates.

    The feature map of stride 4 (or 8) is modulated by the text (FiLM, Perez et al. 2018) and read by soft attention;
    the expected coordinates of each attention map are a spatial softmax (Levine et al. 2016).
    """

    def __init__(self, width: int, queries: int, channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        pairs = zip((3, *channels[:-1]), channels, strides, strict=True)
        self.backbone = nn.Sequential(*(conv(i, o, s) for i, o, s in pairs))
        last = channels[-1]
        self.film = nn.Linear(width, 2 * last)
        self.mix = conv(last, last)
        self.key = nn.Conv2d(last, last, 1)
        self.query = nn.Linear(width, last)
        self.scale = nn.Parameter(torch.tensor(4.0))
        self.features = queries * (last + 2)

    def forward(self, image: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """`image` (B, 3, H, W) in -1...1, `queries` (B, Q, D) -> features (B, Q * (C + 2)), attention logits (B, Q, h, w).

        With n times as many queries as images, row i of the queries is for image i mod B: looking again costs little.
        """
        maps = self.backbone(image)
        maps = maps.repeat(queries.shape[0] // maps.shape[0], 1, 1, 1)
        gain, bias = self.film(queries.mean(1)).unsqueeze(-1).unsqueeze(-1).chunk(2, dim=1)
        maps = self.mix(maps * (1 + gain) + bias)
        batch, _channels, height, width = maps.shape
        keys = nn.functional.normalize(self.key(maps).flatten(2).float(), dim=1)
        wanted = nn.functional.normalize(self.query(queries).float(), dim=2)
        logits = torch.bmm(wanted, keys) * self.scale.exp().clamp(max=200.0)
        weights = logits.softmax(-1)
        attended = torch.bmm(weights, maps.flatten(2).float().transpose(1, 2))
        grid = _grid(height, width, image.device)
        coordinates = torch.matmul(weights, grid)
        features = torch.cat([attended, coordinates], dim=2)
        return features.reshape(batch, -1), logits.reshape(batch, -1, height, width)


def place_loss(logits: Tensor, pixels: Tensor) -> Tensor:
    """Cross entropy between attention `logits` (B, h, w) and a small blot around `pixels` (B, 2) in -1...1.

    Regressing the attention's mean position leaves it spread over all objects; this asks for one place.
    """
    height, width = logits.shape[1:]
    rows = torch.arange(height, device=logits.device) + 0.5
    columns = torch.arange(width, device=logits.device) + 0.5
    x, y = (pixels[:, 0] + 1) / 2 * width, (pixels[:, 1] + 1) / 2 * height
    far = (columns[None, None] - x[:, None, None]) ** 2 + (rows[None, :, None] - y[:, None, None]) ** 2
    blot = torch.softmax((-far / 2).flatten(1), dim=1)
    return -(blot * logits.flatten(1).log_softmax(1)).sum(1).mean()


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    rows = torch.linspace(-1, 1, height, device=device)
    columns = torch.linspace(-1, 1, width, device=device)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], dim=1)
