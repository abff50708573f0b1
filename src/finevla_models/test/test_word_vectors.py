"""Promises of the pretrained vectors: read without their package's code, small enough, and close where meaning is."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")
pytest.importorskip("safetensors", reason="the word vectors come with 'make train-setup'; the robot does without")

from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_core.text import MARK, UNKNOWN, Vocabulary, encode, is_piece, words
from finevla_models import word_vectors
from finevla_models.text_encoder import WordTable
from finevla_models.word_vectors import licence, load_pretrained, neighbours

KNOWN = words(
    "grab hold pick lift push pull reach put drop turn stack bowl cup plate box cube ball cylinder knob table red "
    "green blue yellow orange purple white black left right middle front back top below above under over beside far "
    "clockwise counterclockwise slowly quickly gently firmly straight curved arm hand again stop small tall"
)


@pytest.fixture(scope="module")
def pretrained() -> tuple[Vocabulary, Tensor]:
    try:
        version(word_vectors.PACKAGE)
    except PackageNotFoundError:
        pytest.skip("the word vectors come with 'make train-setup'")
    return load_pretrained()


def test_vocabulary_is_small_and_complete(pretrained: tuple[Vocabulary, Tensor]) -> None:
    vocabulary, table = pretrained
    assert vocabulary.pieces[0] == UNKNOWN
    assert all(map(is_piece, vocabulary.pieces[1:]))
    assert table.shape == (len(vocabulary), 256)
    assert table.dtype == torch.float16
    assert not table[0].any()
    assert table[1:].abs().amax(1).min() > 0
    assert len(vocabulary.dump()) + table.shape[0] * (table.shape[1] + 2) < 5e6
    for letter in "abcdefghijklmnopqrstuvwxyz":
        assert {letter, MARK + letter} <= set(vocabulary.pieces)
    assert UNKNOWN not in [piece for sign in "0123456789.,;:!?" for piece in vocabulary.split(sign)]


@pytest.mark.parametrize(
    ("word", "pieces"),
    [  # as the package's own tokeniser splits them
        ("red", ["▁red"]),
        ("leftmost", ["▁left", "most"]),
        ("dish", ["▁d", "ish"]),
        ("gripper", ["▁g", "ri", "pper"]),
        ("anticlockwise", ["▁ant", "ic", "lock", "wise"]),
        ("turquoise", ["▁tur", "qu", "o", "ise"]),
    ],
)
def test_words_split_as_the_vectors_were_trained(
    pretrained: tuple[Vocabulary, Tensor], word: str, pieces: list[str]
) -> None:
    assert pretrained[0].split(word) == pieces


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("grasp", "grab"),
        ("crimson", "red"),
        ("azure", "blue"),
        ("leftmost", "left"),
        ("rightmost", "right"),
        ("anticlockwise", "clockwise"),  # nearer than its synonym: whoever means it must train it
        ("overhead", "over"),
        ("underneath", "under"),
        ("sphere", "ball"),
        ("gradually", "slowly"),
        ("swiftly", "quickly"),
        ("mug", "cup"),
        ("rotate", "turn"),
    ],
)
def test_unseen_word_lies_next_to_a_known_one_of_its_meaning(
    pretrained: tuple[Vocabulary, Tensor], word: str, nearest: str
) -> None:
    vocabulary, vectors = pretrained[0], WordTable(pretrained[1])

    def meaning(word: str) -> Tensor:
        tokens, _ = encode(word, vocabulary, 1)
        found = vectors(torch.from_numpy(tokens))[0].sum(0)
        return found / found.norm()

    assert word not in KNOWN
    assert max(KNOWN, key=lambda known: float(meaning(word) @ meaning(known))) == nearest


def test_neighbours_mean_the_same_and_opposites_never_stand_for_each_other(
    pretrained: tuple[Vocabulary, Tensor],
) -> None:
    known = {"left", "right", "big", "pick", "put", "above"}
    found = neighbours(known, *pretrained)
    assert {"picked", "selecting"} & set(found["pick"])
    assert "placed" in found["put"]
    assert not known & {word for others in found.values() for word in others}
    every = [word for others in found.values() for word in others]
    assert len(set(every)) == len(every), "each belongs to one word only"


@pytest.mark.slow
def test_package_is_read_but_not_imported(pretrained: tuple[Vocabulary, Tensor]) -> None:
    code = "import sys; from finevla_models.word_vectors import load_pretrained as l; l(); print('wordllama' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_licence_goes_with_the_vectors(pretrained: tuple[Vocabulary, Tensor]) -> None:
    assert licence().startswith("wordllama ")
    assert "MIT License" in licence()


def test_missing_package_and_missing_file_say_what_to_do(
    pretrained: tuple[Vocabulary, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_vectors, "TABLE", "wordllama/weights/none.safetensors")
    with pytest.raises(
        FineVLAError, match=r"has no file 'wordllama/weights/none\.safetensors'; run 'make train-setup'"
    ):
        load_pretrained()
    monkeypatch.setattr(word_vectors, "PACKAGE", "no-such-package")
    with pytest.raises(
        FineVLAError, match="'no-such-package' with the word vectors is missing; run 'make train-setup'"
    ):
        load_pretrained()
