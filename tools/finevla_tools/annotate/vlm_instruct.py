"""The stage of a model that writes InstructVLA's four types of annotation and paraphrases: its request, its check, its rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finevla_tools.annotate.annotation import CAPTION, SPOKEN_MARK, SPOKEN_SLOTS, TEXT, Annotation
from finevla_tools.annotate.paraphrases import kept_wordings
from finevla_tools.annotate.vlm_prompts import VlmPreset, VlmStage

# Slots whose words name things: a paraphrase must not lose them.
NAMING = ("target_category", "target_material", "affected_object", "initial_relation", "final_relation")
_SHORT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 400}
_PAIR: dict[str, Any] = {
    "type": "object",
    "properties": {"question": _SHORT, "answer": _SHORT},
    "required": ["question", "answer"],
    "additionalProperties": False,
}


def _list(item: Mapping[str, Any], least: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": dict(item), "minItems": least, "maxItems": most}


STAGE = VlmStage(
    "instruct",
    "instructvla",
    {
        CAPTION: {"type": "string", "minLength": 1, "maxLength": 1000},
        "command_rewriting": _list(_PAIR, 1, 3),
        "context_creation": _list(_PAIR, 1, 3),
        "question_answering": _list(_PAIR, 1, 4),
        "paraphrases": _list({"type": "string", "minLength": 1, "maxLength": 4000}, 0, 3),
    },
)
PRESET = VlmPreset("instruct", (STAGE,), most_frames=3)


def spoken_times(duration_s: float) -> tuple[float, ...]:
    """Return the times of the first, the middle and the last picture."""
    return (0.0, duration_s / 2, duration_s) if duration_s > 0.0 else (0.0,)


def spoken_texts(value: Mapping[str, Any]) -> list[str]:
    """Return the free texts of an answer of this stage; none of those of others."""
    pairs = [pair for slot in SPOKEN_SLOTS for pair in value.get(slot, ())]
    texts = [text for pair in pairs for text in (pair["question"], pair["answer"])]
    return [*texts, *value.get("paraphrases", ()), *filter(None, [value.get(CAPTION)])]


def wrong_with_spoken(value: Mapping[str, Any], instruction: str) -> str:
    """Return what is wrong with an answer of this stage; empty if nothing."""
    for slot in ("command_rewriting", "context_creation"):
        for pair in value.get(slot, ()):
            if _plain(pair["question"]) == _plain(instruction):
                return f"{slot} repeats the instruction"
            if slot == "context_creation" and _plain(pair["answer"]) in _plain(pair["question"]):
                return "a context holds its answer; it must leave it to be inferred"
    if any(SPOKEN_MARK.strip() in text for text in spoken_texts(value)):
        return f"texts must not hold '{SPOKEN_MARK.strip()}'"
    return ""


def spoken_annotations(
    episode: int, duration_s: float, value: Mapping[str, Any], rows: Sequence[Annotation], confidence: float
) -> Iterator[Annotation]:
    """Give an answer's rows; of the paraphrases those that keep all factors of the model's own fine text among `rows`."""

    def row(slot: str, text: str, to_s: float = duration_s) -> Annotation:
        return Annotation(episode, 0.0, to_s, TEXT, slot, text.strip(), "vlm", confidence)

    yield row(CAPTION, value[CAPTION], 0.0)
    for slot in SPOKEN_SLOTS:
        to_s = 0.0 if slot == "question_answering" else duration_s
        for pair in value[slot]:
            yield row(slot, f"{pair['question'].strip()}{SPOKEN_MARK}{pair['answer'].strip()}", to_s)
    terms = [one.value for one in rows if one.slot in NAMING]
    for fine in (one.value for one in rows if one.slot == "fine"):
        for text in kept_wordings(fine, value["paraphrases"], terms):
            yield row("paraphrase", text)


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .。!！?？")
