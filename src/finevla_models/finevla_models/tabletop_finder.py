"""Finds what is meant: cameras, joint state and the words' slots to where the target is and where it shall end.

One pass over the pictures serves any number of sentences; a sentence costs two queries of soft attention per camera.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finevla_models.kinematics import CameraMounts
from finevla_models.slot_columns import COLORS, SHAPES, TARGET, WHAT, columns

QUERIES = 2  # the target, and where it shall end
MEMORY = 3 * QUERIES + 1  # both as they were found a moment ago, and whether they were: 1 or 0
TABLE_M = 0.76  # about where things on the table have their centres
MIDDLE_M = (0.45, 0.0, TABLE_M)  # of where things are, to count from
# What of a square picture a camera's eye gets: of a fixed one the part below the middle, where the table is, in full
# detail; of a wrist's everything at half the detail.
FIXED_TOP = 0.0
SHRINK = 2
FAITHFUL, CERTAIN = 1.0, 1e9  # how much more what is remembered counts, and if it is known to be there
DOUBTED = 0.05  # what a camera counts at least, that looks at something else than what is named
UNLIKE, PLAIN = (
    0.5,
    0.8,
)  # how well something fits what is named: below it is another thing, above it is plainly the one
SAME_M = 0.04  # candidates that are nearer to each other are of one thing
AROUND = 2.3  # cells of a feature map around where an eye looks most that belong to what it looks at
KINDS = (len(COLORS) - 1, len(SHAPES) - 1)  # colours and shapes that a thing can have
ALONE = 3  # times a shape must fit where no colour is named: more things are like a ball than like a red ball
NAMED = (("color", "shape"), ("below_color", "below_shape"))  # the slots that name what each query looks for


@dataclass(frozen=True)
class Touch:
    """What the grippers tell of the target: `in_hand` (B, 1) is 1 where one holds it; `hidden` (B, 1) where one is so near
    to where it is remembered that it may hide it; `closed` (B, A) for each that may hold something."""

    in_hand: Tensor
    hidden: Tensor
    closed: Tensor


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, group norm, SiLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(8, outputs), nn.SiLU(inplace=True)
    )


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Make an MLP with two hidden layers of `hidden` units and SiLU activations."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, outputs)
    )


class Eye(nn.Module):
    """A camera's feature map, and what queries find in it.

    The coordinates of each attention map's peak are a spatial softmax (Levine et al. 2016) of what is around it.
    """

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...], grips: int, top: float = -1.0) -> None:
        super().__init__()
        self.top = top
        pairs = zip((3, *channels[:-1]), channels, strides, strict=True)
        self.backbone = nn.Sequential(*(conv(i, o, s) for i, o, s in pairs))
        self.width = channels[-1]
        self.key = nn.Conv2d(self.width + 2, self.width, 1)
        self.target = mlp(len(columns(TARGET)) + grips, 128, self.width)
        self.place = mlp(len(columns(WHAT)) + grips, 128, self.width)
        self.color = mlp(3, 32, KINDS[0])
        self.shape = nn.Linear(self.width, KINDS[1])
        self.scale = nn.Parameter(torch.tensor(2.3))
        self.register_buffer("target_columns", torch.tensor(columns(TARGET)))
        self.register_buffer("place_columns", torch.tensor(columns(WHAT)))

    def look(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`image` (B, 3, H, W) in -1...1, from `top` down -> values (B, C, h, w), keys (B, C, h * w), and each cell's mean
        colour (B, 3, h * w)."""
        values = self.backbone(image)
        _, _, height, width = values.shape
        colors = nn.functional.avg_pool2d(image.float(), int(image.shape[-1]) // int(width)).flatten(2)
        grid = self.grid(height, width, image.device).T.reshape(1, 2, height, width).to(values.dtype)
        keys = self.key(torch.cat([values, grid.expand(values.shape[0], -1, -1, -1)], dim=1))
        return values, keys.flatten(2), colors

    def find(
        self, values: Tensor, keys: Tensor, colors: Tensor, slots: Tensor, grips: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """For N sentences per picture, `slots` (B, N, WIDTH), and how far the grippers are open, `grips` (B, A): a thing
        may be hidden in a closed one. Features (B, N, Q, C + 3), logits (B, N, Q, h, w), and logits (B, N, Q, `KINDS`) of
        what it looks like where it looks most."""
        batch, _, height, width = values.shape
        grips = grips.unsqueeze(1).expand(-1, slots.shape[1], -1)
        target = self.target(torch.cat([slots[..., self.target_columns], grips], dim=2))
        place = self.place(torch.cat([slots[..., self.place_columns], grips], dim=2))
        wanted = torch.stack([target, place], dim=2).flatten(1, 2)
        logits = torch.bmm(wanted, keys).float() * (self.scale.exp() / self.width)
        weights = logits.softmax(-1)
        seen = torch.bmm(weights, values.flatten(2).float().transpose(1, 2))
        where, local = self.peak(weights, self.grid(height, width, values.device), 2 / width)
        kinds = self.kind(local, values.flatten(2).float().transpose(1, 2), colors.transpose(1, 2))
        sure = weights.amax(-1, keepdim=True)
        features = torch.cat([where, sure, seen], dim=2).unflatten(1, (-1, QUERIES))
        return features, logits.reshape(batch, -1, QUERIES, height, width), kinds.unflatten(1, (-1, QUERIES))

    def kind(self, local: Tensor, values: Tensor, colors: Tensor) -> Tensor:
        """Logits (B, Q, `KINDS`) of what is looked at: weights `local` (B, Q, P) of `values` (B, P, C) and
        `colors` (B, P, 3).

        A colour is told from the picture's own, of the strongest there, so that it means the same on every shape.
        """
        vivid = colors.amax(2) - colors.amin(2)
        painted = local * vivid.square().unsqueeze(1) + 1e-6 * local
        painted = painted / painted.sum(-1, keepdim=True)
        color = self.color((painted.unsqueeze(3) * colors.unsqueeze(1)).sum(2))
        return torch.cat([color, self.shape(torch.bmm(local, values))], dim=2)

    @staticmethod
    def peak(weights: Tensor, grid: Tensor, cell: float) -> tuple[Tensor, Tensor]:
        """Mean position (B, Q, 2) of what lies around the greatest of `weights` (B, Q, P) at `grid` (P, 2), and the weights
        (B, Q, P) of that alone.

        The mean of everything would lie between two things that are both thought of.
        """
        top = grid[weights.argmax(-1)]
        near = ((grid - top.unsqueeze(2)) ** 2).sum(3) < (AROUND * cell) ** 2
        local = weights * near
        local = local / local.sum(-1, keepdim=True)
        return (local.unsqueeze(3) * grid).sum(2), local  # a matmul would round it off

    def grid(self, height: int, width: int, device: torch.device) -> Tensor:
        """Where the cells of a feature map lie in the whole picture, (height * width, 2), -1...1 rightwards and down."""
        rows = (torch.arange(height, device=device) + 0.5) / height * (1 - self.top) + self.top
        columns_ = (torch.arange(width, device=device) + 0.5) / width * 2 - 1
        y, x = torch.meshgrid(rows, columns_, indexing="ij")
        return torch.stack([x.reshape(-1), y.reshape(-1)], dim=1)


class TargetLocalizer(nn.Module):
    """`where` (B, N, 6), metres in the base frame, for N sentences per observation.

    Each camera's attention is a ray, and the ray meets the height that things are thought to lie at; each gripper may
    hold what is asked for; and it may be where it was found a moment ago, which is all there is to go by while the arms
    hide it. Which of these candidates to believe, and how far it is off, is learned. It is not told which arm moves, or
    how: nothing that is said of that changes where things are.
    """

    def __init__(self, mounts: CameraMounts, hands: int, dimensions: int, arms: int) -> None:
        super().__init__()
        self.mounts = mounts
        self.front = Eye((24, 48, 64, 64, 64), (2, 2, 1, 1, 1), arms, FIXED_TOP)
        self.wrist = Eye((32, 48, 64, 64), (2, 2, 1, 2), arms)
        self.eyes = [self.front if arm is None else self.wrist for arm in mounts.on]
        self.cameras = len(mounts.on)
        candidates = self.cameras + arms + 2  # and a guess that nothing is seen of, and the memory
        self.register_buffer("what_columns", torch.tensor(columns(WHAT)))
        seen = sum(eye.width + 3 for eye in self.eyes) + len(columns(WHAT)) + dimensions + hands
        self.register_buffer("nowhere_columns", torch.tensor(columns(("place",))[:1]), persistent=False)
        self.register_buffer("unsized_columns", torch.tensor(columns(("size",))[:1]), persistent=False)
        for names in NAMED:
            for name in names:
                self.register_buffer(f"{name}_columns", torch.tensor(columns((name,))))
        self.height = nn.ModuleList(mlp(seen, 96, 4) for _ in range(QUERIES))
        self.weigh = nn.ModuleList(mlp(seen + 1 + 3 * candidates, 256, candidates + 3) for _ in range(QUERIES))

    def views(self, images: Tensor) -> list[Tensor]:
        """What each eye gets of `images` (B, C, 3, H, W), square: see `FIXED_TOP` and `SHRINK`."""
        size = int(images.shape[-1])
        return [
            images[:, camera, :, fixed_rows(size) :]
            if self.mounts.on[camera] is None
            else nn.functional.avg_pool2d(images[:, camera], SHRINK)
            for camera in range(self.cameras)
        ]

    def see(self, views: list[Tensor], slots: Tensor, grips: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """What each camera shows of what `slots` (B, N, WIDTH) name, with the grippers open as far as `grips` (B, A):
        features (B, N, Q, ...), the first two where it looks; attention logits (B, N, Q, h, w); and what it looks like."""
        seen = [eye.find(*eye.look(view), slots, grips) for eye, view in zip(self.eyes, views, strict=True)]
        features, logits, kinds = (list(part) for part in zip(*seen, strict=True))
        return features, logits, kinds

    def presence(self, kinds: list[Tensor], slots: Tensor) -> Tensor:
        """How likely it is (B, N, Q), 0 ... 1, that what `slots` (B, N, WIDTH) name is there, from what it looks like to the
        fixed cameras (see `see`); a wrist's sees too little of the table to say that something is not on it.

        Colour and shape are compared one by one, so that a pair that training never showed is judged like any other.
        """
        return self.fits(kinds, slots)[self._fixed].amax(0)

    def fits(self, kinds: list[Tensor], slots: Tensor) -> Tensor:
        """How well (C, B, N, Q), 0 ... 1, what each camera looks at fits what `slots` (B, N, WIDTH) name."""
        likely = []
        for look in kinds:
            color, shape = (part.softmax(-1) for part in look.float().split(KINDS, dim=-1))
            of_color, unnamed = self._fit(color, slots, 0)
            of_shape, _ = self._fit(shape, slots, 1)
            likely.append(of_color * of_shape ** (1 + (ALONE - 1) * unnamed))
        return torch.stack(likely)

    def _fit(self, look: Tensor, slots: Tensor, part: int) -> tuple[Tensor, Tensor]:
        """How well `look` (B, N, Q, K), probabilities, fits the colour (`part` 0) or shape (1) that `slots` name for each
        query, 1 where none is named; and where none is named: both (B, N, Q)."""
        wanted = torch.stack([slots[..., getattr(self, f"{names[part]}_columns")] for names in NAMED], dim=2)
        unnamed = wanted[..., 0]
        return unnamed + (wanted[..., 1:] * look).sum(-1), unnamed

    def place(
        self,
        found: list[Tensor],
        body: Tensor,
        hands: tuple[Tensor, Tensor],
        slots: Tensor,
        memory: Tensor,
        touch: Touch | None = None,
        fits: Tensor | None = None,
    ) -> Tensor:
        """Both places (B, N, 6), metres, from what the cameras show, `body` (B, D + hands), the grippers' positions and
        rotations, `slots` (B, N, WIDTH) and `memory` (B, N, MEMORY), zeros where there is none.

        With `touch` and `fits` (C, B, N, Q), see `fits`, a camera that looks at something else counts for little, no hand
        that cannot hold anything is a candidate, nor any for a place that is named, and the target is about where it is
        remembered while a hand holds it, while a hand hides it and nothing else is plainly it, and while nothing fits."""
        count = slots.shape[1]
        positions, rotations = hands
        context = torch.cat([slots[..., self.what_columns], body.unsqueeze(1).expand(-1, count, -1)], dim=2)
        held = positions.unsqueeze(1).expand(-1, count, -1, -1)
        centre, known = positions.new_tensor(MIDDLE_M), memory[..., -1:]
        remembered = memory[..., :-1].unflatten(2, (QUERIES, 3))
        where = []
        for query in range(QUERIES):
            seen = torch.cat([context, *(features[:, :, query] for features in found)], dim=2)
            guess = self.height[query](seen).float()
            height = TABLE_M + 0.1 * guess[..., 0]
            points = [
                self.mounts.point(camera, features[:, :, query, :2].float(), height, positions, rotations)
                for camera, features in enumerate(found)
            ]
            points += [centre + 0.2 * guess[..., 1:], centre + known * (remembered[:, :, query] - centre)]
            candidates = torch.cat([torch.stack(points, dim=2), held], dim=2)
            near = ((candidates - centre) / 0.2).flatten(2)
            out = self.weigh[query](torch.cat([seen, known, near], dim=2)).float()
            weights = out[..., 3:].softmax(-1)
            if not self.training:
                faith = known * FAITHFUL
                if touch is not None and fits is not None:
                    weights = weights * self._credit(query, touch, fits, slots)
                    if query == 0:
                        faith = faith + CERTAIN * self._stays(touch, fits, slots, known)
                weights = decided(weights, candidates, faith, len(points) - 1)
            # What is remembered is right as it is: a correction would be made again at every moment.
            believed = weights[..., len(points) - 1].unsqueeze(2)
            where.append((weights.unsqueeze(3) * candidates).sum(2) + (1 - believed) * 0.05 * out[..., :3])
        return torch.cat(where, dim=2)

    @property
    def _fixed(self) -> list[int]:
        """The cameras that see the whole table."""
        return [camera for camera, arm in enumerate(self.mounts.on) if arm is None] or list(range(self.cameras))

    def _credit(self, query: int, touch: Touch, fits: Tensor, slots: Tensor) -> Tensor:
        """What each candidate for a query is worth (B, N, K) besides what is learned: see `place`."""
        count = slots.shape[1]
        cameras = fits[..., query].permute(1, 2, 0).clamp(min=DOUBTED)
        hands = touch.closed.unsqueeze(1).expand(-1, count, -1)
        if query == 1:
            hands = hands * slots[..., self.nowhere_columns]
        return torch.cat([cameras, torch.ones_like(cameras[..., :2]), hands], dim=2)

    def _stays(self, touch: Touch, fits: Tensor, slots: Tensor, known: Tensor) -> Tensor:
        """1 where the target is surely where it is remembered (B, N, 1), else 0: see `place`.

        Of two sizes a hand may hide one, and the other looks like what is named: no look then counts against memory.
        """
        fit = fits[self._fixed][..., :1].amax(0)
        sized = 1 - slots[..., self.unsized_columns]
        hidden = touch.hidden.unsqueeze(1) * torch.maximum(sized, (fit < PLAIN).to(fit.dtype))
        unseen = known * (fit < UNLIKE)
        return torch.maximum(touch.in_hand.unsqueeze(1), torch.maximum(hidden, unseen))


def decided(weights: Tensor, candidates: Tensor, faith: Tensor, remembered: int) -> Tensor:
    """The `weights` (..., K) of those `candidates` (..., K, 3) that lie together and are trusted most, together; 0 for others.

    The mean of everything would lie where nothing is, and memory would keep it. Those with number `remembered` among them
    count 1 + `faith` (..., 1) times: one glance at another thing must not open the hand.
    """
    together = (candidates.unsqueeze(-2) - candidates.unsqueeze(-3)).square().sum(-1) < SAME_M**2
    weights = weights.clamp(min=1e-9)
    support = (weights.unsqueeze(-2) * together).sum(-1) * (1 + faith * together[..., remembered])
    best = support.argmax(-1, keepdim=True).expand_as(support).unsqueeze(-2)
    local = weights * together.gather(-2, best).squeeze(-2)
    return local / local.sum(-1, keepdim=True)


def fixed_rows(size: int) -> int:
    """The first row of a fixed camera's picture of `size` rows that its eye gets."""
    return round((FIXED_TOP + 1) / 2 * size)


def place_loss(logits: Tensor, pixels: Tensor, top: float = -1.0) -> Tensor:
    """Cross entropy between attention `logits` (M, h, w) and a small blot around `pixels` (M, 2) in -1...1, of which
    the map shows the rows from `top` down.

    Regressing the attention's mean position leaves it spread over all objects; this asks for one place.
    """
    height, width = logits.shape[1:]
    rows = torch.arange(height, device=logits.device) + 0.5
    columns_ = torch.arange(width, device=logits.device) + 0.5
    x, y = (pixels[:, 0] + 1) / 2 * width, (pixels[:, 1] - top) / (1 - top) * height
    far = (columns_[None, None] - x[:, None, None]) ** 2 + (rows[None, :, None] - y[:, None, None]) ** 2
    blot = torch.softmax((-far / 0.7).flatten(1), dim=1)
    return -(blot * logits.flatten(1).log_softmax(1)).sum(1).mean()
