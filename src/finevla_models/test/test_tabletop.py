"""Promises of the network: chunks begin where the arm is, stay smooth, and depend on words, pictures and state."""

import copy
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand
from finevla_models.kinematics import arm_chains, camera_mounts, mirror_signs
from finevla_models.slot_columns import SIZES, SLOTS, WIDTH, columns, indices
from finevla_models.slot_tensors import one_hot, probabilities
from finevla_models.tabletop import TabletopConfig, TabletopPolicy
from finevla_models.tabletop_finder import KINDS, MEMORY, SAME_M, Touch, decided, place_loss
from finevla_models.tabletop_mover import ActionHead, Flow, Regression, Running, smooth_basis
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.mujoco_model import CAMERA_FOVY_DEG
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import Look
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.world import World


@pytest.fixture(scope="module", params=["flow", "regression"])
def model(request: pytest.FixtureRequest) -> TabletopPolicy:
    torch.manual_seed(0)
    robot = default_robot()
    config = TabletopConfig(head=request.param, hidden=64)
    urdf = expand(robot.urdf_path)
    mounts = camera_mounts(robot.embodiment, urdf, CAMERA_FOVY_DEG)
    return TabletopPolicy(config, arm_chains(robot.embodiment, urdf), mounts).eval()


def test_a_camera_points_at_what_the_simulator_shows_there() -> None:
    """A thing's pixel, by MuJoCo's camera, leads back to the thing."""
    robot = default_robot()
    urdf = expand(robot.urdf_path)
    chains = arm_chains(robot.embodiment, urdf)
    mounts = camera_mounts(robot.embodiment, urdf, CAMERA_FOVY_DEG)
    scene = replace(sample_scene(3, "pick", ArmIK(robot.embodiment, robot.urdf_path)), look=Look())
    world = World(scene, robot.embodiment, robot.urdf_path)
    state = torch.from_numpy(world.values()).float()[None]
    scale = np.tan(np.radians(CAMERA_FOVY_DEG) / 2)
    checked = 0
    for item in scene.objects:
        place = world.truth().objects[item.name][:3, 3]
        for index, name in enumerate(robot.embodiment.camera_names):
            camera = world.data.camera(name)
            seen = camera.xmat.reshape(3, 3).T @ (place - camera.xpos)
            pixel = torch.tensor(seen[:2] * [1, -1] / (-seen[2] * scale)).float()
            if seen[2] > -0.02 or pixel.abs().max() > 2:
                continue
            height = torch.tensor([[place[2]]]).float()
            point = mounts.point(index, pixel[None, None], height, *chains(state))
            assert np.allclose(point[0, 0].numpy(), place, atol=2e-3)
            checked += 1
    assert checked >= len(scene.objects) + 1  # all from the front, some from a wrist


def inputs(batch: int = 2) -> tuple:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand((batch, 3, 3, 192, 192), generator=generator) * 2 - 1
    slots = probabilities(3 * torch.randn((batch, WIDTH), generator=generator))
    state = torch.rand((batch, 14), generator=generator)
    memory = torch.rand((batch, TabletopConfig().remembered), generator=generator)
    return images, state, slots, memory


def test_the_chain_in_the_network_is_the_urdfs() -> None:
    robot = default_robot()
    kinematics = Kinematics(expand(robot.urdf_path), robot.embodiment.joints)
    chains = arm_chains(robot.embodiment, expand(robot.urdf_path))
    states = np.random.default_rng(0).uniform(-1, 1, (20, 14))
    positions, rotations = chains(torch.from_numpy(states).float())
    for state, position, rotation in zip(states, positions, rotations, strict=True):
        for arm, side in enumerate(("left", "right")):
            pose = kinematics.frame_pose(robot.embodiment.to_positions(state), f"{side}_tcp")
            assert np.allclose(position[arm], pose[:3, 3], atol=1e-5)
            assert np.allclose(rotation[arm], pose[:3, :3], atol=1e-5)


def test_chunk_has_the_horizon_and_begins_at_the_state(model: TabletopPolicy) -> None:
    given = inputs()
    state, out = given[1], model(*given)
    assert out.chunk.shape == (2, 16, 14)
    assert out.where.shape == (2, 6)
    assert out.memory.shape == (2, model.config.remembered)
    steps = model.own_steps(out.chunk - state.unsqueeze(1), out.left)
    fitted = model.mover.steps(model.mover.coefficients(steps))
    assert torch.allclose(fitted, steps, atol=1e-4), "the chunk is made of functions that are zero now"
    still = out.chunk[:, :, 7:] if out.left[0] else out.chunk[:, :, :7]
    assert torch.equal(still[0], state[0, 7:].expand(16, -1) if out.left[0] else state[0, :7].expand(16, -1))


def test_basis_is_zero_now_and_a_partition_later() -> None:
    basis = smooth_basis(16, 6)
    assert basis.shape == (6, 16)
    assert (basis >= 0).all()
    assert np.allclose(basis[:, 5:].sum(0), 1, atol=1e-5)
    assert np.allclose(smooth_basis(1600, 6)[:, 0], 0, atol=2e-2)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [0, 1, 2, 3])
def test_every_input_matters(model: TabletopPolicy, changed: int) -> None:
    given = list(inputs())
    if changed == 0:
        given[3] = torch.zeros_like(given[3])  # an untrained finder may believe in its memory alone
    before = model(*given).chunk - given[1].unsqueeze(1)
    given[changed] = given[changed].flip(0)
    assert not torch.allclose(before, model(*given).chunk - given[1].unsqueeze(1))


def test_places_are_forgotten_with_the_mark_that_they_are_known(model: TabletopPolicy) -> None:
    images, state, slots, memory = inputs()
    memory[:, MEMORY - 1] = 0
    before = model(images, state, slots, memory).where
    assert torch.allclose(before, model(images, state, slots, torch.zeros_like(memory)).where, atol=1e-6)


def sentence(**said: str) -> torch.Tensor:
    """Slots (1, WIDTH) of a sentence, all but what is given not said."""
    slots = {name: words[0] for name, words in SLOTS.items()} | said
    return one_hot(torch.from_numpy(indices(slots))[None])


def test_a_right_arm_moves_as_the_left_one_does_in_a_mirror(model: TabletopPolicy) -> None:
    """The whole of a motion: joints, places, the side to come from and the way to turn."""
    state = torch.rand((1, 14), generator=torch.Generator().manual_seed(4))
    swapped = torch.cat([model.mirrored_values * state[:, 7:], model.mirrored_values * state[:, :7]], 1)
    where = torch.tensor([[0.45, 0.10, 0.77, 0.42, 0.25, 0.8]])
    left = sentence(task="turn", approach="left", turn="clockwise")
    right = sentence(task="turn", approach="right", turn="counterclockwise")
    one, none = torch.ones(1, 1), torch.zeros(1, 1)
    steps = model.both(model.mover(model.aims(state, where, left, one)), one)
    there = where * torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    twin = model.both(model.mover(model.aims(swapped, there, right, none)), none)
    assert torch.allclose(twin[..., 7:], model.mirrored_values * steps[..., :7], atol=1e-5)
    assert not twin[..., :7].any()
    assert not steps[..., 7:].any()
    assert torch.equal(model.own_steps(model.both(steps[..., :7], one), one), steps[..., :7])


def test_words_choose_the_arm_and_else_it_stays_the_same(model: TabletopPolicy) -> None:
    state, where = inputs()[1], torch.rand((2, 6), generator=torch.Generator().manual_seed(5))
    memory = torch.cat([torch.zeros(2, MEMORY - 1), torch.ones(2, 1), torch.tensor([[1.0], [0.0]])], 1)
    for arm, wanted in (("left", [1.0, 1.0]), ("right", [0.0, 0.0]), ("", [1.0, 0.0])):
        said = sentence(arm=arm).expand(2, -1)
        assert model.choose(state, where, said, memory).flatten().tolist() == wanted
    unsaid, new = sentence().expand(2, -1), torch.zeros_like(memory)
    habit = (model.habit(state, where, unsaid) > 0).float()
    assert torch.equal(model.choose(state, where, unsaid, new), habit)


def test_arms_that_are_no_mirror_images_are_refused() -> None:
    robot = default_robot()
    chains = arm_chains(robot.embodiment, expand(robot.urdf_path))
    assert mirror_signs(chains).tolist() == [-1, 1, 1, -1, 1, -1]
    chains.links[1, 0, 0, 3] += 0.01
    with pytest.raises(FineVLAError, match="no mirror images"):
        mirror_signs(chains)


def test_a_fixed_camera_is_read_where_the_table_is(model: TabletopPolicy) -> None:
    """What is above the middle of its picture changes nothing, and a pixel means the same place as in the whole."""
    images, state, slots, memory = inputs()
    before = model(images, state, slots, memory).where
    images[:, 0, :, :96] = 0
    assert torch.equal(before, model(images, state, slots, memory).where)
    grid = model.finder.front.grid(24, 48, torch.device("cpu"))
    assert grid[0, 1] == pytest.approx(0.5 / 24)
    assert grid[-1].tolist() == pytest.approx([1 - 1 / 48, 1 - 0.5 / 24])


def places(
    model: TabletopPolicy, views: list[torch.Tensor], state: torch.Tensor, slots: torch.Tensor, memory: torch.Tensor
) -> torch.Tensor:
    """Where the finder has it, memory or not."""
    features, *_ = model.finder.see(views, slots, model.grips(state))
    return model.finder.place(features, model.body(state, model.seeing), model.chains(state), slots, memory)


def test_of_two_things_that_are_thought_of_one_is_meant() -> None:
    """Neither the mean of them nor the one that is trusted most alone: those that agree count together."""
    weights = torch.tensor([0.3, 0.25, 0.25, 0.2])
    candidates = torch.tensor([[0.0, 0.0, 0.7], [0.5, 0.0, 0.7], [0.51, 0.0, 0.7], [0.9, 0.0, 0.7]])
    assert decided(weights, candidates, torch.zeros(1), 3).tolist() == [0.0, 0.5, 0.5, 0.0]
    some, many = torch.zeros(2, 3, 1), candidates.expand(2, 3, 4, 3)
    batch = decided(weights.expand(2, 3, 4), many, some, 3)
    assert torch.allclose(batch, torch.tensor([0.0, 0.5, 0.5, 0.0]).expand(2, 3, 4))
    assert decided(weights, candidates, torch.ones(1), 0).tolist() == [1.0, 0.0, 0.0, 0.0], (
        "what is remembered counts more"
    )
    assert decided(weights, candidates, torch.ones(1), 3).tolist() == [0.0, 0.5, 0.5, 0.0], "but it may be wrong"


def test_what_is_in_a_closed_hand_moves_with_it(model: TabletopPolicy) -> None:
    """Unless the hand is open, closed on nothing, or elsewhere; a bowl that it shall go to stays where it is."""
    low, high = torch.zeros(1, 14), torch.zeros(1, 14)
    high[:, 1] = 0.3
    before = model.hands(low)
    by = (model.hands(high) - before)[0, 0, :3]
    assert by.norm() > 0.05
    here = before[:, 0, :3] + torch.tensor([[0.0, 0.01, 0.0]])

    def heard(grip: float, place: str, found: torch.Tensor, was: float | None = None) -> torch.Tensor:
        high[:, 6] = grip
        before[:, 0, 3] = grip if was is None else was
        memory = torch.cat([found, found, torch.ones(1, 2), before.flatten(1)], dim=1)
        heard_of, touch = model.carried(high, sentence(place=place), memory)
        moved = heard_of[0] - memory[0, :MEMORY]
        assert bool(touch.in_hand) == bool(moved.any())
        return moved

    nothing = torch.zeros(3)
    assert torch.allclose(heard(0.4, "", here), torch.cat([by, by, torch.zeros(1)]), atol=1e-6)
    assert torch.allclose(heard(0.4, "left_bowl", here), torch.cat([by, nothing, torch.zeros(1)]), atol=1e-6)
    for grip, found in ((1.0, here), (0.05, here), (0.4, here + 0.1)):
        assert not heard(grip, "", found).any()
    assert not heard(0.4, "", here, was=0.35).any(), "it opens"


HERE = torch.tensor([0.45, 0.15, 0.76])  # where things are remembered
FRONT, LEFT_HAND = 0, 5  # candidates: three cameras, a guess, memory, two hands


def believed(
    model: TabletopPolicy,
    trusted: int,
    fit: float,
    said: dict[str, str],
    touch: tuple[float, float, float],
    query: int = 0,
) -> torch.Tensor:
    """Where a finder that trusts one candidate most has the target, or its end; memory has it at `HERE`.

    `fit` is how well what the cameras show fits the words; `touch` is in hand, hidden, and whether the left hand is closed.
    """
    finder = copy.deepcopy(model.finder)
    for weigh in finder.weigh:
        torch.nn.init.zeros_(weigh[-1].weight)
        weigh[-1].bias.data = torch.eye(10)[3 + trusted] * 3
    images, state, _, _ = inputs()
    slots = one_hot(torch.from_numpy(indices({"task": "pick", **said}))[None].expand(len(state), -1)).unsqueeze(1)
    features, _, kinds = finder.see(finder.views(images), slots, model.grips(state))
    memory = torch.cat([HERE, HERE, torch.ones(1)]).expand(len(state), 1, -1)
    felt = Touch(*(torch.full((len(state), 1), value) for value in touch[:2]), torch.tensor([[touch[2], 0.0]] * 2))
    fits = torch.full_like(finder.fits(kinds, slots), fit)
    hands = model.chains(state)
    where = finder.place(features, model.body(state, model.seeing), hands, slots, memory, felt, fits)
    return where[0, 0, 3 * query : 3 * query + 3]


def test_only_a_hand_that_can_hold_something_is_where_the_target_may_be(model: TabletopPolicy) -> None:
    """An open hand over a thing has not got it yet, and a place that is named is never in a hand."""
    hand = model.chains(inputs()[1])[0][0, 0]
    free = (0.0, 0.0)
    assert torch.allclose(believed(model, LEFT_HAND, 1.0, {}, (*free, 1.0)), hand, atol=1e-5)
    assert not torch.allclose(believed(model, LEFT_HAND, 1.0, {}, (*free, 0.0)), hand, atol=0.01)
    closed, bowl = (*free, 1.0), {"task": "place", "place": "left_bowl"}
    assert torch.allclose(believed(model, LEFT_HAND, 1.0, {}, closed, query=1), hand, atol=1e-5)
    assert not torch.allclose(believed(model, LEFT_HAND, 1.0, bowl, closed, query=1), hand, atol=0.01)


def test_another_thing_is_not_taken_for_one_that_is_hidden(model: TabletopPolicy) -> None:
    """Memory stays while what is seen fits badly, or hardly and a hand is in the way; of two sizes, whatever is seen."""
    name, sized = {"color": "red", "shape": "cube"}, {"color": "red", "shape": "cube", "size": "small"}
    free, hiding = (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)

    def stays(fit: float, said: dict[str, str], touch: tuple[float, float, float]) -> bool:
        return bool((believed(model, FRONT, fit, said, touch) - HERE).norm() < SAME_M)

    assert not stays(1.0, name, free), "what is plainly seen elsewhere has moved"
    assert not stays(0.7, name, free)
    assert stays(0.3, name, free), "it looks like something else"
    assert stays(0.7, name, hiding)
    assert not stays(1.0, name, hiding)
    assert stays(1.0, sized, hiding)
    assert not stays(1.0, sized, free)


def test_a_hand_hides_what_is_near_it_until_it_has_closed_on_nothing(model: TabletopPolicy) -> None:
    state = torch.zeros(1, 14)
    for grip, away, hides in ((1.0, 0.1, 1.0), (1.0, 0.2, 0.0), (0.0, 0.1, 0.0)):
        state[:, 6] = grip
        hands = model.hands(state)
        there = hands[:, 0, :3] + torch.tensor([[0.0, 0.0, -away]])
        memory = torch.cat([there, there, torch.ones(1, 2), hands.flatten(1)], dim=1)
        _, touch = model.carried(state, sentence(), memory)
        assert touch.hidden.item() == hides
        assert model.carried(state, sentence(), torch.zeros_like(memory))[1].hidden.item() == 0, "nothing is remembered"


def test_what_goes_nowhere_is_in_one_place(model: TabletopPolicy) -> None:
    """Two looks at it count alike."""
    images, state, _, memory = inputs()
    for task, place, one in (("pick", "", True), ("place", "left_bowl", False)):
        said = one_hot(torch.from_numpy(indices({"task": task, "place": place}))[None].expand(len(state), -1))
        where, _ = model.find(model.finder.views(images), state, said, memory)
        assert torch.equal(where[:, :3], where[:, 3:]) == one


@pytest.mark.slow
def test_what_is_not_named_is_never_missed(model: TabletopPolicy) -> None:
    """Presence hangs on colour and shape one by one: with none named nothing disagrees, and only a stack needs a support."""
    images, state, _, memory = inputs()
    said = {"task": "stack", "color": "red", "shape": "cube", "place": "object", "below_color": "blue"}
    stack = one_hot(torch.from_numpy(indices(said))[None].expand(2, -1))
    reach = one_hot(torch.from_numpy(indices({"task": "reach", "color": "red"}))[None].expand(2, -1))
    onto, alone = model(images, state, stack, memory).present, model(images, state, reach, memory).present
    assert ((onto > 0) & (onto < 1)).all()
    assert torch.equal(alone[:, 1], torch.ones(2))
    views = model.finder.views(images)
    *_, kinds = model.finder.see(views, stack.unsqueeze(1), model.grips(state))
    assert [kind.shape[-1] for kind in kinds] == [sum(KINDS)] * 3


@pytest.mark.slow
def test_one_picture_serves_many_sentences(model: TabletopPolicy) -> None:
    images, state, *_ = inputs()
    slots = probabilities(torch.randn((2, 3, WIDTH), generator=torch.Generator().manual_seed(2)).flatten(0, 1))
    slots = slots.unflatten(0, (2, 3))
    memory = torch.rand((2, 3, MEMORY), generator=torch.Generator().manual_seed(3))
    views = model.finder.views(images)
    every = places(model, views, state, slots, memory)
    for k in range(3):
        one = slice(k, k + 1)
        alone = places(model, views, state, slots[:, one], memory[:, one])
        assert torch.allclose(every[:, k], alone[:, 0], atol=1e-5)


def test_slots_are_probabilities() -> None:
    said = torch.from_numpy(indices({name: words[-1] for name, words in SLOTS.items()}))[None]
    assert one_hot(said).sum() == len(SLOTS)
    for part in probabilities(torch.randn(4, WIDTH)).split(SIZES, dim=1):
        assert torch.allclose(part.sum(1), torch.ones(4))
    assert len(columns(("arm",))) == 3


@pytest.mark.slow
def test_flow_keeps_two_ways_apart_where_regression_blurs_them() -> None:
    torch.manual_seed(0)
    wanted = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).repeat(64, 1)
    nothing = torch.zeros(128, 4)
    ends = {}
    for head in (Flow(4, 2, width=32), Regression(4, 2)):
        optimiser = torch.optim.Adam(head.parameters(), 1e-2)
        for _ in range(400):
            optimiser.zero_grad()
            head.loss(nothing, wanted).backward()
            optimiser.step()
        outs = []
        for seed in range(8):
            if isinstance(head, Flow):
                head.noise.copy_(torch.randn(1, 2, generator=torch.Generator().manual_seed(seed)))
            outs.append(head(nothing[:1]).detach()[0])
        ends[type(head)] = torch.stack(outs).abs().mean()
    assert ends[Flow] > 0.8 > 0.5 > ends[Regression]


@pytest.fixture(scope="module")
def flowing() -> tuple[ActionHead, torch.Tensor]:
    """A mover with a flow that has learned to lie around one chunk, and inputs for it."""
    torch.manual_seed(0)
    mover = ActionHead("flow", 4, 7, 16, 6, 32, 1)
    optimiser, wanted = torch.optim.Adam(mover.parameters(), 3e-3), torch.randn(1, 42)
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    for _ in range(300):
        optimiser.zero_grad()
        mover.loss(inputs, mover.steps(wanted + 0.3 * torch.randn(64, 42))).backward()
        optimiser.step()
    return mover.eval().requires_grad_(False), inputs[:8]


def falling(executed: int, overlap: int) -> torch.Tensor:
    """Weights (8, 16): 1 for what was executed, evenly down to 0 at the end of the overlap."""
    return ((overlap - torch.arange(16)) / (overlap - executed + 1)).clamp(0, 1).expand(8, -1)


@pytest.mark.parametrize(("executed", "overlap"), [(1, 15), (2, 14), (4, 12)])
def test_rows_that_were_executed_are_kept_and_the_open_ones_stay_the_movers(
    flowing: tuple[ActionHead, torch.Tensor], executed: int, overlap: int
) -> None:
    mover, inputs = flowing
    own = mover(inputs)
    other = own + mover.steps(0.5 * torch.randn(8, 42, generator=torch.Generator().manual_seed(2)))
    guided = mover(inputs, Running(other, falling(executed, overlap)))
    kept, apart = (guided - other)[:, :executed].abs(), (own - other)[:, :executed].abs()
    assert kept.mean() < 0.1 * apart.mean()
    assert kept.max() < 0.2 * apart.max()
    assert (guided - own)[:, -1].abs().mean() < 0.2 * (guided - other)[:, -1].abs().mean()
    middle = slice(executed, overlap)
    assert (guided - other)[:, middle].abs().mean() < (own - other)[:, middle].abs().mean()


def test_without_weight_a_running_chunk_changes_nothing(flowing: tuple[ActionHead, torch.Tensor]) -> None:
    mover, inputs = flowing
    other = 10 * torch.randn(8, 16, 7, generator=torch.Generator().manual_seed(2))
    assert torch.equal(mover(inputs, Running(other, torch.zeros(8, 16))), mover(inputs))


def test_only_the_moving_arm_continues_seen_in_its_mirror(model: TabletopPolicy) -> None:
    """What was planned for the other arm counts for nothing: that one keeps still."""
    if model.config.head != "flow":
        pytest.skip("a flow alone can continue a chunk")
    state = inputs()[1]
    left = torch.tensor([[1.0], [0.0]])
    steps = torch.randn((2, 16, 7), generator=torch.Generator().manual_seed(6))
    previous = state.unsqueeze(1) + model.both(steps, left)
    assert torch.allclose(model.running(previous, torch.ones(2, 16), state, left).steps, steps, atol=1e-6)
    images, state, slots, memory = inputs()
    weights = torch.linspace(1, 0, 16).expand(2, -1)
    plain = model(images, state, slots, memory)
    own = plain.left.unsqueeze(2) * torch.ones(14).index_fill(0, torch.arange(7, 14), 0)
    own = own + (1 - plain.left.unsqueeze(2)) * torch.ones(14).index_fill(0, torch.arange(7), 0)
    pulled = model(images, state, slots, memory, plain.chunk + 0.3, weights).chunk
    elsewhere = model(images, state, slots, memory, plain.chunk + 0.3 + 5 * (1 - own), weights).chunk
    assert torch.equal(pulled, elsewhere)
    assert not ((pulled - state.unsqueeze(1)) * (1 - own)).any()
    assert ((pulled - plain.chunk) * own)[:, 3].sum(1).min() > 0.3, "all joints are drawn the same way"


def test_place_loss_is_least_where_the_object_is() -> None:
    pixels = torch.tensor([[0.25, -0.5]])
    rows, columns_ = torch.meshgrid(torch.arange(24) + 0.5, torch.arange(24) + 0.5, indexing="ij")

    def blot(x: float, y: float) -> torch.Tensor:
        return (-((columns_ - (x + 1) * 12) ** 2 + (rows - (y + 1) * 12) ** 2) / 2)[None]

    right, beside = place_loss(blot(0.25, -0.5), pixels), place_loss(blot(0.25, -0.25), pixels)
    nowhere = place_loss(torch.zeros(1, 24, 24), pixels)
    assert right < beside
    lower = blot(0.25, 0.0)  # a map of the lower half has what is at 0.5 in its middle
    assert place_loss(lower, torch.tensor([[0.25, 0.5]]), 0.0) == pytest.approx(
        float(place_loss(lower, torch.tensor([[0.25, 0.0]])))
    )
    assert right < nowhere < place_loss(blot(-0.7, 0.7), pixels)
