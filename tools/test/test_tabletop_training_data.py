"""Promises of training samples: pure by number, the same frames in every mixture, bit for bit what the node makes of them."""

import hashlib
import multiprocessing
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("torch", reason="torch comes with 'make train-setup'")
import pyarrow as pa
import pyarrow.parquet as pq
from training_sets import FPS, KEYS, SIZE, add_words, as_v3, make_set, only

from finevla_core.active_instruction import Steering
from finevla_core.assembler import Assembler
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat, RawImage
from finevla_core.instruction import Factors, Instruction
from finevla_core.manifest import Manifest
from finevla_core.observation import Observation
from finevla_core.policy.chunk_maker import ChunkMaker
from finevla_models.vla.batch import VLAExample
from finevla_tools.convert.episode import CameraStream
from finevla_tools.convert.lerobot_pictures import VideoPictures
from finevla_tools.datasets.lerobot_files import Footage, open_dataset, values
from finevla_tools.training.config_types import DataOptions, LanguageRates, SampleOptions, SourceSet
from finevla_tools.training.mixture import MIXES
from finevla_tools.training.vla_samples import VLASamples

HORIZON, SEED = 6, 3
IMAGES = ImageFormat(32, 32)
OPTIONS = SampleOptions("cobotmagic", KEYS, IMAGES, HORIZON, 1 / FPS)
Open = Callable[..., VLASamples]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two sets, one of them of 20 frames a second, and a cache."""
    folder = tmp_path_factory.mktemp("sets")
    make_set(folder / "one", 4)
    make_set(folder / "two", 2, 30, fps=2 * FPS, seed=10)
    return folder


@pytest.fixture(scope="module")
def opened(folder: Path) -> Open:
    """What opens sets of the folder by their names, with what else is asked for."""

    def make(*names: str, options: SampleOptions = OPTIONS, **given: object) -> VLASamples:
        sets = tuple(SourceSet(folder / name) for name in names)
        sources = replace(DataOptions(sets, validation=0.0, cache=folder / "cache"), **given)  # type: ignore[arg-type]
        return VLASamples(options, sources, SEED, say=lambda _: None)

    return make


def digest(example: VLAExample) -> str:
    parts = [*(image.tobytes() for image in example.images), example.prompt.encode(), example.answer.encode()]
    parts += [a.tobytes() for a in (example.state, example.actions, example.action_mask) if a is not None]
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def digests(samples: VLASamples, indices: Sequence[int]) -> list[str]:
    return [digest(samples.example(index)) for index in indices]


def in_processes(samples: VLASamples, count: int, total: int) -> list[str]:
    """Samples by number, made by as many processes, each of every so-many-th and backwards."""
    parts = [range(total)[k::count][::-1] for k in range(count)]
    with ProcessPoolExecutor(count, multiprocessing.get_context("fork")) as pool:
        found = list(pool.map(partial(digests, samples), parts))
    made = [""] * total
    for part, some in zip(parts, found, strict=True):
        for index, one in zip(part, some, strict=True):
            made[index] = one
    return made


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_sample_is_the_same_from_one_two_and_four_processes(opened: Open) -> None:
    samples = opened("one", "two", language=LanguageRates(0.1, 0.3, 0.3))
    wanted = [digest(samples.example(k)) for k in range(120)]
    for count in (1, 2, 4):
        assert in_processes(samples, count, 120) == wanted
    again = opened("one", "two", language=LanguageRates(0.1, 0.3, 0.3))
    assert [digest(again.example(k)) for k in (119, 5)] == [wanted[119], wanted[5]]
    assert len(set(wanted)) > 100
    pictures = sum(job.target.size for one in samples.sets for job in one.pictures)
    assert len(ForkingPickler.dumps(samples)) < pictures / 5, "pictures are not sent to workers"


def test_frames_are_the_same_in_every_mixture_and_only_words_differ(opened: Open) -> None:
    all_samples = {mix: opened("one", "two", mix=mix) for mix in MIXES}
    for k in range(0, 200, 7):
        examples = {mix: samples.example(k) for mix, samples in all_samples.items()}
        assert len({digest(replace(e, prompt="")) for e in examples.values()}) == 1
        for mix, e in examples.items():
            is_fine = e.prompt.endswith("with the left arm, slowly")
            assert is_fine is (all_samples[mix].kind_of(k) == "fine")
        assert examples["1:0"].prompt.startswith(examples["0:1"].prompt)
    assert len({samples.hash for samples in all_samples.values()}) == 1


def test_every_frame_comes_once_in_each_epoch_and_sets_have_their_shares(folder: Path, opened: Open) -> None:
    samples = opened("one", mix="raw")
    states = {samples.example(k).state.tobytes() for k in range(samples.frames)}  # type: ignore[union-attr]
    assert len(states) == samples.frames
    sets = (SourceSet(folder / "one", 3.0), SourceSet(folder / "two"))
    both = VLASamples(
        OPTIONS, DataOptions(sets, "raw", validation=0.0, cache=folder / "cache"), SEED, say=lambda _: None
    )
    of_two = Counter(int(both.example(k).prompt.removeprefix("goal ")) >= 10 for k in range(400))
    assert of_two == {False: 300, True: 100}


def test_words_of_each_kind_are_what_the_node_reads(opened: Open) -> None:
    samples = opened("one", language=LanguageRates(0.2, 0.5, 0.3))
    kinds = {samples.kind_of(k): samples.example(k).prompt for k in range(200)}
    assert set(kinds) == {"fine", "raw", "factors", "paraphrase", "none"}
    assert kinds["none"] == ""
    assert kinds["paraphrase"].endswith(("said so", "said otherwise"))
    goal = kinds["factors"].split(".")[0]
    said = Instruction(raw=goal, factors=Factors(active_actor="left_arm", target_color="red"))
    assert kinds["factors"] == said.prompt() == f"{goal}. use the left arm. the target is the red"


def test_wordings_of_the_fine_text_never_stand_for_the_goal(folder: Path, opened: Open) -> None:
    root = make_set(folder / "worded", 1)
    said = ("using its left arm, gently, goal 0", "goal 0 with the right arm", "goal 0 from above with the left arm")
    add_words(root, 0, *(plan(0.0, text) | {"style": "task_aug", "role": "user"} for text in said))
    told: list[str] = []
    sets, rates = (SourceSet(root),), LanguageRates(paraphrase=0.9)
    for mix, wanted in (("raw", {"goal 0", "goal 0, said so", "goal 0, said otherwise"}), ("fine", {said[0]})):
        sources = DataOptions(sets, mix, language=rates, validation=0.0, cache=folder / "cache")
        samples = VLASamples(OPTIONS, sources, SEED, say=told.append)
        prompts = {samples.example(k).prompt for k in range(60)}
        assert prompts - {"goal 0 with the left arm, slowly"} == wanted
    assert sum("nothing is learned from 2 other wordings" in line for line in told) == 2


@pytest.mark.parametrize("normalisation", ["quantile", "mean_std", "min_max"])
@pytest.mark.parametrize("actions", ["absolute", "relative", "delta"])
@pytest.mark.parametrize("state", [True, False])
def test_a_sample_is_bit_for_bit_what_the_node_makes_of_the_same_observation(
    folder: Path, opened: Open, robot: Embodiment, actions: str, normalisation: str, state: bool
) -> None:
    options = replace(OPTIONS, actions=actions, normalisation=normalisation, state=state)
    samples = opened("one", options=options, mix="fine")
    cameras = {name: name for name in KEYS}
    manifest = Manifest(
        "trained",
        robot.name,
        cameras,
        IMAGES,
        samples.values,
        HORIZON,
        1 / FPS,
        {},
        transforms=tuple(samples.transforms),
    )
    node = ChunkMaker(manifest, robot)
    files = open_dataset(folder / "one")
    for index in (0, 17):
        chosen, place, frame = samples._place(index)
        example, episode = samples.example(index), files.episodes[place]
        table = files.read(episode)
        recorded = {c: values(table, c, "")[frame:].astype(np.float64) for c in ("observation.state", "action")}
        words = samples.sets[chosen].episodes[place].words_at(frame)
        observation = observed(robot, recorded["observation.state"][0], files, place, frame)
        made, trail = node.forward(observation, Instruction(raw=words.raw, fine=words.fine))
        for of_node, of_training in zip(made.images.values(), example.images, strict=True):
            np.testing.assert_array_equal(of_node, of_training)
        assert made.prompt == example.prompt
        assert (made.state is None) is (example.state is None) is (not state)
        if made.state is not None and example.state is not None:
            assert made.state.astype(np.float32).tobytes() == example.state.tobytes()
        rows = np.concatenate([recorded["action"], np.repeat(recorded["action"][-1:], HORIZON, axis=0)])[:HORIZON]
        assert example.actions is not None
        assert example.actions.tobytes() == node.to_policy(rows, trail).astype(np.float32).tobytes()
        np.testing.assert_allclose(node.transforms.inverse(example.actions.astype(np.float64), trail), rows, atol=1e-5)


@pytest.fixture(scope="module")
def turns(folder: Path) -> str:
    """A set whose first episode has three instructions: another fine text after 1 s, another goal as well after 2 s."""
    root = make_set(folder / "turns", 2, 30)
    said = (plan(1.0, "goal 0 from above"), plan(2.0, "goal 1 with the right arm"))
    add_words(root, 0, *said, plan(2.0, "goal 1, said again") | {"style": "task_aug", "role": "user"})
    path = next(root.glob("data/**/episode_000000.parquet"))
    table = pq.read_table(path, partitioning=None)
    at = table.schema.get_field_index("task_index")
    goals = pa.array([int(k >= 20) for k in range(table.num_rows)], table.schema.field(at).type)
    pq.write_table(table.set_column(at, "task_index", goals), path)
    return root.name


def plan(time_s: float, text: str) -> dict[str, object]:
    return {"style": "plan", "role": "assistant", "content": text, "time_s": time_s, "camera": None, "is_event": False}


HISTORY = {"parts": ["fine"], "template": "{history}Now: {}", "history": {"most": 2, "template": "Before: {}. "}}


@pytest.mark.parametrize("mix", ["fine", "raw"])
def test_history_of_a_sample_is_bit_for_bit_what_the_node_remembers(
    opened: Open, turns: str, robot: Embodiment, mix: str
) -> None:
    samples = opened(turns, options=replace(OPTIONS, prompt=HISTORY), mix=mix)
    manifest = Manifest(
        "trained",
        robot.name,
        {name: name for name in KEYS},
        IMAGES,
        samples.values,
        HORIZON,
        1 / FPS,
        {},
        transforms=tuple(samples.transforms),
    )
    node, plain = ChunkMaker(manifest, robot), opened(turns, mix=mix)
    prompts = dict[tuple[int, int], str]()
    for index in range(samples.frames):
        _, place, frame = samples._place(index)
        example, steering = samples.example(index), Steering()
        for number, words in enumerate(samples.sets[0].episodes[place].words):
            if words.first <= frame:
                said = Instruction(raw=words.raw, fine=words.fine if mix == "fine" else "", id=str(number))
                steering.set(said.stamped(1))
        assert steering.active is not None
        assert example.prompt == node.prompt(steering.active)
        assert digest(replace(example, prompt="")) == digest(replace(plain.example(index), prompt=""))
        prompts[place, frame] = example.prompt
    of_first = dict.fromkeys(prompts[0, frame] for frame in range(25))
    if mix == "fine":
        assert list(of_first) == [
            "Now: goal 0 with the left arm, slowly",
            "Before: goal 0 with the left arm, slowly. Now: goal 0 from above",
            "Before: goal 0 with the left arm, slowly; goal 0 from above. Now: goal 1 with the right arm",
        ]
    else:
        assert list(of_first) == ["Now: goal 0", "Before: goal 0. Now: goal 1"]
    assert {prompts[1, frame] for frame in range(25)} == {
        f"Now: goal 1{' with the left arm, slowly' if mix == 'fine' else ''}"
    }


def test_earlier_frames_are_told_in_a_samples_words_where_they_have_such(opened: Open, turns: str) -> None:
    samples = opened(turns, options=replace(OPTIONS, prompt=HISTORY), language=LanguageRates(0.1, 0.5, 0.3))
    told = dict[str, list[str]]()
    for index in range(4 * samples.frames):
        _, place, frame = samples._place(index)
        if place == 0 and frame >= 20:
            told.setdefault(samples.kind_of(index), []).append(samples.example(index).prompt)
    assert set(told["none"]) == {""}
    assert set(told["fine"]) == {
        "Before: goal 0 with the left arm, slowly; goal 0 from above. Now: goal 1 with the right arm"
    }
    assert set(told["raw"]) == {"Before: goal 0. Now: goal 1"}
    assert set(told["factors"]) == {"Before: goal 0. Now: goal 1"}
    ways = ("so", "otherwise")
    assert set(told["paraphrase"]) == {f"Before: goal 0, said {way}. Now: goal 1, said again" for way in ways}


def observed(robot: Embodiment, state: np.ndarray, files: object, place: int, frame: int) -> Observation:
    """What the ingest makes of an episode's own pictures, in their own size, and of a state."""
    assembler = Assembler(robot.seen_as(IMAGES))
    assembler.add_state(1, robot.joints, list(robot.to_positions(state)))
    for name in robot.camera_names:
        picture = np.zeros((*SIZE, 3), np.uint8)
        if name in KEYS:
            path = files.root / f"videos/chunk-000/{KEYS[name]}/episode_{place:06d}.mp4"  # type: ignore[attr-defined]
            with VideoPictures(CameraStream(name, *SIZE), Footage(name, path, 0.0, None)) as video:
                picture = video.at(frame / FPS)
        raw = RawImage("rgb8", *SIZE, SIZE[1] * 3, picture.tobytes())
        assembler.add_image(name, 1, lambda raw=raw: raw)  # type: ignore[misc]
    found = assembler.observe(1)
    assert isinstance(found, Observation), found
    return found


def test_v21_and_v30_give_the_same_samples(folder: Path, opened: Open) -> None:
    as_v3(folder / "one", folder / "one_v3")
    old, new = opened("one"), opened("one_v3")
    assert [digest(old.example(k)) for k in range(60)] == [digest(new.example(k)) for k in range(60)]
    assert old.transforms == new.transforms


def test_pictures_of_the_next_episode_are_none_of_this_one(folder: Path, tmp_path: Path, opened: Open) -> None:
    root = as_v3(folder / "one", tmp_path / "short")
    (path,) = (root / "meta/episodes").glob("**/*.parquet")
    rows = pq.read_table(path).to_pylist()
    for (
        key
    ) in KEYS.values():  # its video is half a second shorter than its rows; the next one begins there all the same
        rows[0][f"videos/{key}/to_timestamp"] -= 0.5
    pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(FineVLAError, match=r"what comes there are pictures of another episode; leave it out"):
        opened(str(root), cache=tmp_path / "cache")


def test_rows_behind_the_end_are_masked_and_repeat_the_last(folder: Path, opened: Open) -> None:
    samples = opened("one")
    ends = 0
    for index in range(samples.frames):
        _, place, frame = samples._place(index)
        episode, example = samples.sets[0].episodes[place], samples.example(index)
        left = len(episode) - frame
        assert example.action_mask is not None
        assert example.actions is not None
        assert example.action_mask.tolist() == [[k < left] * 14 for k in range(HORIZON)]
        if left < HORIZON:
            ends += 1
            assert (example.actions[left:] == example.actions[left - 1]).all()
    assert ends == 4 * (HORIZON - 1)


def test_another_rate_is_resampled_to_the_policy_s_step(folder: Path, opened: Open) -> None:
    episode = opened("two").sets[0].episodes[0]
    for dt_s, steps in ((0.1, 2), (0.05, 1), (0.025, 0.5)):
        samples = opened("two", options=replace(OPTIONS, dt_s=dt_s))
        rows, counts = samples.sets[0].chunk(0, 3)
        at = 3 + steps * np.arange(1, HORIZON + 1) - 1  # the action of a row is for the next one
        wanted = np.array([np.interp(at, np.arange(len(episode)), column) for column in episode.actions.T]).T
        np.testing.assert_allclose(rows, wanted, atol=1e-7)
        assert counts.all()


def test_statistics_are_numpys(opened: Open) -> None:
    for actions in ("absolute", "relative", "delta"):
        samples = opened("one", "two", options=replace(OPTIONS, actions=actions), validation=0.3)
        states, rows = [], []
        for one in samples.sets:
            for position in range(len(one.training)):
                place, frame = one.training.place(position)
                state = one.episodes[place].states[frame].astype(np.float64)
                chunk, counts = one.chunk(place, frame)
                before = np.vstack([state, chunk[:-1]]) if actions == "delta" else np.tile(state, (HORIZON, 1))
                moved = np.where([n.endswith("gripper") for n in samples.values], 0.0, before)
                states.append(state)
                rows += list((chunk - moved * (actions != "absolute"))[counts[:, 0]])
        for part, some in (("state", states), ("actions", rows)):
            found = samples.statistics[part]
            wanted = {
                "mean": np.mean(some, axis=0), "std": np.std(some, axis=0), "min": np.min(some, axis=0),
                "max": np.max(some, axis=0), "q01": np.quantile(some, 0.01, axis=0), "q99": np.quantile(some, 0.99, axis=0),
            }  # fmt: skip
            assert set(found) == set(wanted)
            for name, numbers in wanted.items():
                np.testing.assert_allclose(found[name], numbers, atol=1e-9, err_msg=f"{part}.{name} {actions}")
        assert samples.statistics["frames"] == samples.frames == len(states)


def test_a_missing_arm_is_masked_and_holds_where_it_is(folder: Path, opened: Open, robot: Embodiment) -> None:
    left = [name for name in robot.names if name.startswith("left")]
    only(make_set(folder / "left", 2, seed=20), left)
    is_left = np.array([name in left for name in robot.names])
    both = opened("one", "left")
    masks = set()
    for k in range(40):
        example = both.example(k)
        assert example.action_mask is not None
        assert example.state is not None
        assert example.actions is not None
        there = example.action_mask[0]
        masks.add(tuple(there))
        assert not example.state[~there].any()
        assert not example.actions[:, ~there].any()
    assert masks == {(True,) * 14, tuple(is_left)}
    alone = opened("left")
    assert any("does not have right_joint1" in text for text in alone.told)
    # A policy that was never shown an arm leaves it where it is, whatever it answers.
    answered, pipeline = np.random.default_rng(0).normal(size=(HORIZON, 14)), alone._pipeline
    manifest = Manifest(
        "l", robot.name, {n: n for n in KEYS}, IMAGES, robot.names, HORIZON, 0.1, {}, transforms=tuple(alone.transforms)
    )
    state = np.linspace(0.1, 0.9, 14)
    observation = observed(robot, state, open_dataset(folder / "one"), 0, 0)
    _, trail = ChunkMaker(manifest, robot).forward(observation, Instruction(raw="go"))
    rows = pipeline.inverse(answered, trail)
    np.testing.assert_allclose(rows[:, ~is_left], np.tile(state[~is_left], (HORIZON, 1)), atol=1e-6)
    assert not np.allclose(rows[:, is_left], state[is_left])


def test_states_that_follow_are_learned_where_there_are_no_actions(
    folder: Path, opened: Open, robot: Embodiment
) -> None:
    only(make_set(folder / "watched", 2), robot.names, ("observation.state",))
    samples = opened("watched")
    episode = samples.sets[0].episodes[0]
    rows, counts = samples.sets[0].chunk(0, len(episode) - 3)
    np.testing.assert_array_equal(rows[:2], episode.states[-2:].astype(np.float64))
    assert counts.tolist() == [[True] * 14] * 2 + [[False] * 14] * (HORIZON - 2)
    assert samples.frames == sum(len(e) - 1 for e in samples.sets[0].episodes)
    assert any("states that follow" in text for text in samples.told)


def test_held_out_samples_are_of_other_episodes_and_always_the_same(opened: Open) -> None:
    samples = opened("one", validation=0.25, mix="raw")
    held = samples.held_out(1000)
    shown = {samples.example(k).prompt for k in range(2 * samples.frames)}
    assert {e.prompt for e in held}.isdisjoint(shown)
    assert len(shown) == 3
    assert [digest(e) for e in samples.held_out(5)] == [digest(e) for e in held[:5]]
    assert opened("one").held_out(5) == []


def test_the_hash_is_of_content_and_not_of_places(folder: Path, tmp_path: Path, opened: Open) -> None:
    before = opened("one").hash
    shutil.copytree(
        folder / "one", tmp_path / "moved"
    )  # as x264 made it: another run of it need not be the same to the bit
    for changed in (False, True):
        if changed:
            path = tmp_path / "moved/meta/finevla_episodes.jsonl"
            path.write_text(path.read_text().replace("slowly", "at once"))
        sources = DataOptions((SourceSet(tmp_path / "moved"),), validation=0.0, cache=folder / "cache")
        assert (VLASamples(OPTIONS, sources, SEED, say=lambda _: None).hash == before) is not changed
