"""Whether a run's sets have the words that its mixture tells: counted over all their frames, before the first step."""

from collections.abc import Callable, Sequence

from finevla_core.errors import FineVLAError
from finevla_tools.training.episodes import FrameWords
from finevla_tools.training.mixture import Mixture
from finevla_tools.training.training_set import TrainingSet


def check_words(sets: Sequence[TrainingSet], mixture: Mixture) -> list[str]:
    """Return sentences on words that some frames lack; raises `FineVLAError` where the mixture cannot be told so.

    A ratio is of one set of frames: one that some of them cannot be told in is refused, not bent.
    """
    if mixture.needs_fine and (lacking := _lacking(sets, lambda words: bool(words.fine.strip()))):
        raise FineVLAError(
            f"mixture {mixture.fine}:{mixture.raw} (fine to raw) needs a fine text of every frame, and {lacking} have none: "
            "make them with 'finevla annotate' and bring them in with 'finevla words --apply', or leave those episodes out "
            "('kept:' of the set), or train on the raw goals alone (mix: raw)"
        )
    if mixture.needs_raw and (lacking := _lacking(sets, lambda words: bool(words.raw.strip()))):
        raise FineVLAError(
            f"the raw goal is empty in {lacking}: leave those episodes out ('kept:' of the set; 'finevla clean' finds them), "
            "or convert them again with '--task'"
        )
    told = []
    for name, rate, has in (
        ("factors", mixture.rates.factors, lambda words: words.has_factors),
        ("paraphrase", mixture.rates.paraphrase, lambda words: bool(words.paraphrases or words.fine_wordings)),
    ):
        if rate > 0.0 and (lacking := _lacking(sets, has)):
            if not any(has(words) for one in sets for e in one.episodes for words in e.words):
                raise FineVLAError(
                    f"language.{name} is {rate:g}, and no frame of any set has any: make them with 'finevla annotate' and "
                    "bring them in with 'finevla words --apply', or leave the entry out"
                )
            told.append(f"language.{name}: {lacking} have none, and are told the goal or the fine text instead")
    if mixture.rates.thoughts > 0.0 and not any(episode.steps for one in sets for episode in one.episodes):
        raise FineVLAError(
            f"language.thoughts is {mixture.rates.thoughts:g}, and no episode of any set has steps to be said: make them with "
            "'finevla annotate' and bring them in with 'finevla words --apply', or leave the entry out"
        )
    return told


def _lacking(sets: Sequence[TrainingSet], has: Callable[[FrameWords], bool]) -> str:
    """How many episodes and frames of which sets lack something, in words; empty if none does."""
    parts, all_episodes = [], sum(len(one.episodes) for one in sets)
    episodes = frames = 0
    for one in sets:
        lengths = [sum(w.end - w.first for w in episode.words if not has(w)) for episode in one.episodes]
        if count := sum(length > 0 for length in lengths):
            parts.append(f"{count} of {len(one.episodes)} of '{one.files.root}'")
            episodes, frames = episodes + count, frames + sum(lengths)
    if not episodes:
        return ""
    of_sets = f" ({', '.join(parts)})" if len(sets) > 1 else f" of '{sets[0].files.root}'"
    return f"{episodes} of {all_episodes} episodes{of_sets}, {frames} frames,"
