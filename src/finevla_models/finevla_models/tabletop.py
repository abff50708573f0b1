"""The tabletop policy: cameras and slots say where, state and slots say how to get there; a reader fills the slots.

Between seeing and moving there are six numbers, where the target is and where it shall end, and between words and the
rest the slots of `finevla_core.language`. So each part learns from what is cheap for it, and a person can look at what
was meant.
Which arm moves is decided once, by the words or else by habit; the mover sees every motion as if it were the left arm's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finevla_models.kinematics import MIRROR, ArmChains, CameraMounts, mirror_signs
from finevla_models.slot_columns import MOVE, columns, mirrored
from finevla_models.tabletop_finder import MEMORY, SAME_M, TargetLocalizer, Touch, mlp
from finevla_models.tabletop_mover import ActionHead, Running, near

HAND_M = 0.15  # about how far grippers are from the middle of things
FAITHFUL = 3.0  # how much likelier, as a logit, the arm is that moved a moment ago
HELD = (0.15, 0.9)  # a gripper is closed around something between these
OPENING = 0.02  # until it opens by more than this from one moment to the next
IN_HAND_M = 0.03  # and what was found so near to it is what it holds
HIDES_M = 0.14  # a hand that is nearer to a thing may hide it from the cameras, unless it has closed on nothing


@dataclass(frozen=True)
class TabletopConfig:
    """Sizes of the network; stored beside the weights."""

    head: str = "flow"
    dimensions: int = 14
    arms: int = 2
    horizon: int = 16
    basis: int = 6
    hidden: int = 512
    blocks: int = 3

    @property
    def hands(self) -> int:
        """Numbers that say where the grippers are: position and two axes of each."""
        return 9 * self.arms

    @property
    def own(self) -> int:
        """Values of one arm, its gripper the last of them."""
        return self.dimensions // self.arms

    @property
    def remembered(self) -> int:
        """The finder's memory, which arm it was (1 left, 0 right), where the grippers were and how far open."""
        return MEMORY + 1 + 4 * self.arms


@dataclass(frozen=True)
class Output:
    """`chunk` (B, horizon, D) values; `where` (B, 6): the target and where it shall end, metres in the base frame;
    `left` (B, 1): 1 if the left arm moves, 0 if the right one does; `hands` (B, A, 4): where the grippers are, metres,
    and how far they are open; `present` (B, 2): how likely it is that the target is there, and that what it shall be put
    on is (1 where nothing of the kind is named)."""

    chunk: Tensor
    where: Tensor
    left: Tensor
    hands: Tensor
    present: Tensor

    @property
    def memory(self) -> Tensor:
        """What to give along with the next observation, (B, `remembered`)."""
        return torch.cat([self.where, torch.ones_like(self.left), self.left, self.hands.flatten(1)], dim=1)


class Scales(nn.Module):
    """Normalisation constants of one network: means and standard deviations of its training motions."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("state_mean", torch.zeros(dimensions))
        self.register_buffer("state_std", torch.ones(dimensions))
        self.register_buffer("where_mean", torch.zeros(6))
        self.register_buffer("where_std", torch.ones(6))

    def fit(self, states: Tensor, where: Tensor) -> None:
        """Set the constants from states (N, D) and places (N, 6), metres; deviations are at least 0.05 and 0.03."""
        self.state_mean.copy_(states.mean(0))
        self.state_std.copy_(states.std(0).clamp(min=0.05))
        self.where_mean.copy_(where.mean(0))
        self.where_std.copy_(where.std(0).clamp(min=0.03))

    def places(self, where: Tensor) -> Tensor:
        """Normalise places (..., 6), metres, by their mean and standard deviation."""
        return (where - self.where_mean) / self.where_std

    def hands(self, positions: Tensor) -> Tensor:
        """Normalise gripper positions (..., 3), metres, by the places' mean and `HAND_M`."""
        return (positions - self.where_mean[:3]) / HAND_M


class TabletopPolicy(nn.Module):
    """Finder, chooser and mover; what sees has other scales than what moves."""

    def __init__(self, config: TabletopConfig, chains: ArmChains, mounts: CameraMounts) -> None:
        super().__init__()
        self.config, self.chains = config, chains
        self.finder = TargetLocalizer(mounts, config.hands, config.dimensions, config.arms)
        how = len(columns(MOVE))
        self.chooser = mlp(config.dimensions + config.hands + how + 6 + 2 * 6 * config.arms, 64, 1)
        self.mover = ActionHead(
            config.head,
            config.own + 9 + how + 6 + 2 * 6,
            config.own,
            config.horizon,
            config.basis,
            config.hidden,
            config.blocks,
        )
        self.register_buffer("move_columns", torch.tensor(columns(MOVE)))
        self.register_buffer("mirrored_columns", torch.tensor(columns(MOVE))[mirrored(MOVE)])
        self.register_buffer("arm_columns", torch.tensor(columns(("arm",))))
        self.register_buffer("place_columns", torch.tensor(columns(("place",))))
        self.register_buffer("mirrored_values", torch.cat([mirror_signs(chains), torch.ones(1)]))
        self.register_buffer("mirrored_places", MIRROR.repeat(2))
        self.seeing, self.moving = Scales(config.dimensions), Scales(config.dimensions)

    def find(self, views: list[Tensor], state: Tensor, slots: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Both places (B, 6), and how likely each thing is there (B, 2), for one sentence each: `slots` (B, WIDTH) and
        `memory` (B, `remembered`)."""
        carried, touch = self.carried(state, slots, memory)
        slots = slots.unsqueeze(1)
        features, _, kinds = self.finder.see(views, slots, self.grips(state))
        body, hands = self.body(state, self.seeing), self.chains(state)
        heard = carried.unsqueeze(1)
        fits = self.finder.fits(kinds, slots)
        where = self.finder.place(features, body, hands, slots, heard, touch, fits).squeeze(1)
        where = _one(where, slots[:, 0, self.place_columns[:1]])
        present = self.finder.presence(kinds, slots).squeeze(1)
        onto = slots[:, 0, self.place_columns[-1:]]  # else no thing is named that it shall be put on
        return where, torch.cat([present[:, :1], 1 - onto * (1 - present[:, 1:])], dim=1)

    def carried(self, state: Tensor, slots: Tensor, memory: Tensor) -> tuple[Tensor, Touch]:
        """The finder's part (B, MEMORY) of `memory` (B, `remembered`), brought up to this moment: what was found in a hand
        that holds something has moved with it. And what the hands tell of the target.

        Heard as it was, it would stay behind, and the hand would open.
        """
        now, before = self.hands(state), memory[:, MEMORY + 1 :].unflatten(1, (self.config.arms, 4))
        grips = now[..., 3]
        near_hand = (memory[:, None, :3] - before[..., :3]).square().sum(2) < IN_HAND_M**2
        known = memory[:, MEMORY - 1 : MEMORY] > 0.5
        opens = known & (grips - before[..., 3] > OPENING)
        closed = (grips > HELD[0]) & (grips < HELD[1]) & ~opens
        holds = near_hand & closed & known
        moved = (holds.unsqueeze(2) * (now - before)[..., :3]).sum(1)
        goes_nowhere = slots[:, self.place_columns[:1]] > 0.5  # so the place where it shall end is where it is
        places = [memory[:, :3] + moved, memory[:, 3:6] + goes_nowhere * moved]
        nearby = (places[0].unsqueeze(1) - now[..., :3]).square().sum(2) < HIDES_M**2
        hidden = (known & nearby & (grips > HELD[0])).any(1, keepdim=True)
        touch = Touch(holds.any(1, keepdim=True).to(state.dtype), hidden.to(state.dtype), closed.to(state.dtype))
        return torch.cat([*places, memory[:, 6:MEMORY]], dim=1), touch

    def hands(self, state: Tensor) -> Tensor:
        """Where the grippers are, metres, and how far open, 0 closed ... 1 open: (B, A, 4)."""
        positions, _ = self.chains(state)
        return torch.cat([positions, state[:, self.config.own - 1 :: self.config.own].unsqueeze(2)], dim=2)

    def grips(self, state: Tensor) -> Tensor:
        """How far each gripper is open (B, A), normalised."""
        values = (state - self.seeing.state_mean) / self.seeing.state_std
        return values[:, self.config.own - 1 :: self.config.own]

    def body(self, state: Tensor, scales: Scales) -> Tensor:
        """What the robot feels: normalised values, and where its grippers are (B, D + hands)."""
        positions, rotations = self.chains(state)
        axes = rotations[..., :2].flatten(2)
        values = (state - scales.state_mean) / scales.state_std
        return torch.cat([values, scales.hands(positions).flatten(1), axes.flatten(1)], dim=1)

    def habit(self, state: Tensor, where: Tensor, slots: Tensor) -> Tensor:
        """Logit (B, 1) of the left arm, as one would use it where the words leave that open."""
        positions, _ = self.chains(state)
        body, how, place = self.body(state, self.moving), slots[:, self.move_columns], self.moving.places(where)
        logit: Tensor = self.chooser(torch.cat([body, how, place, near(_gaps(where, positions))], dim=1))
        return logit

    def choose(self, state: Tensor, where: Tensor, slots: Tensor, memory: Tensor) -> Tensor:
        """1 where the left arm moves, 0 where the right one does (B, 1); `memory` (B, `remembered`)."""
        known, was_left = memory[:, MEMORY - 1 : MEMORY], memory[:, MEMORY : MEMORY + 1]
        habit = torch.sigmoid(self.habit(state, where, slots) + FAITHFUL * known * (2 * was_left - 1))
        open_, left, _ = slots[:, self.arm_columns].split(1, dim=1)
        return (left + open_ * habit > 0.5).to(state.dtype)

    def aims(self, state: Tensor, where: Tensor, slots: Tensor, left: Tensor) -> Tensor:
        """What the mover reads: the moving arm, how to move, where, and how far from its gripper, (B, inputs).

        A right arm is seen in a mirror between the arms, where it is a left one. Neither the other arm nor names
        are told: where things are is enough, and no name can come to stand for a motion.
        """
        own = self.config.own
        twin = self.mirrored_values * state[:, own:]
        values = left * state[:, :own] + (1 - left) * twin
        places = left * where + (1 - left) * self.mirrored_places * where
        how = left * slots[:, self.move_columns] + (1 - left) * slots[:, self.mirrored_columns]
        positions, rotations = self.chains(torch.cat([values, values], dim=1))
        position, axes = positions[:, 0], rotations[:, 0, :, :2].flatten(1)
        scaled = (values - self.moving.state_mean[:own]) / self.moving.state_std[:own]
        hand = torch.cat([self.moving.hands(position), axes], dim=1)
        place = self.moving.places(places)
        return torch.cat([scaled, hand, how, place, near(_gaps(places, position.unsqueeze(1)))], dim=1)

    def own_steps(self, steps: Tensor, left: Tensor) -> Tensor:
        """Of `steps` (B, horizon, D) those of the moving arm, mirrored if it is the right one: (B, horizon, own)."""
        own, left = self.config.own, left.unsqueeze(2)
        return left * steps[..., :own] + (1 - left) * self.mirrored_values * steps[..., own:]

    def both(self, steps: Tensor, left: Tensor) -> Tensor:
        """The opposite of `own_steps`: (B, horizon, D), nothing for the arm that keeps still."""
        left = left.unsqueeze(2)
        return torch.cat([left * steps, (1 - left) * self.mirrored_values * steps], dim=2)

    def running(self, previous: Tensor, weights: Tensor, state: Tensor, left: Tensor) -> Running:
        """A running chunk `previous` (B, horizon, D) of values as the mover sees it: relative, the moving arm's alone.

        The other arm keeps still whatever was planned for it.
        """
        return Running(self.own_steps(previous - state.unsqueeze(1), left), weights)

    def forward(
        self,
        images: Tensor,
        state: Tensor,
        slots: Tensor,
        memory: Tensor,
        previous: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> Output:
        """One chunk per row: `images` (B, C, 3, H, W) in -1...1, `state` (B, D) values, `slots` (B, WIDTH), and the
        `memory` (B, `remembered`) of the observation before, or zeros.

        A flow continues `previous` (B, horizon, D), values at this chunk's times, as far as `weights` (B, horizon) say.
        """
        views = self.finder.views(images)
        where, present = self.find(views, state, slots, memory)
        left = self.choose(state, where, slots, memory)
        continued = None if previous is None or weights is None else self.running(previous, weights, state, left)
        steps = self.both(self.mover(self.aims(state, where, slots, left), continued), left)
        return Output(state.unsqueeze(1) + steps, where, left, self.hands(state), present)


def _one(where: Tensor, is_one: Tensor) -> Tensor:
    """`where` (B, 6) with the mean of its two places for both where they are one by what was said, `is_one` (B, 1): two
    looks are better than one. If they are far apart, the target's counts."""
    target, end = where.split(3, dim=1)
    alike = ((target - end).square().sum(1, keepdim=True) < SAME_M**2).to(where.dtype)
    one = target + 0.5 * alike * (end - target)
    return torch.cat([is_one * one + (1 - is_one) * part for part in (target, end)], dim=1)


def _gaps(where: Tensor, positions: Tensor) -> Tensor:
    """From grippers at `positions` (B, A, 3) to both places of `where` (B, 6): (B, 6 * A)."""
    gaps = torch.cat([where[:, None, :3] - positions, where[:, None, 3:] - positions], dim=2)
    return gaps.flatten(1)
