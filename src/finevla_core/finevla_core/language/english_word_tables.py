"""Reads the tables of English words: they are written as text, so that a reader sees words and no punctuation."""


def word_set(text: str) -> frozenset[str]:
    """Words that are parted by white space, as a set."""
    return frozenset(text.split())


def phrase_list(text: str) -> list[str]:
    """Phrases that are parted by commas, in order and without doubles."""
    return list(dict.fromkeys(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip()))


def phrase_table(rows: dict[str, str]) -> dict[str, str]:
    """Phrase -> value, from value -> phrases that are parted by commas."""
    return {phrase: value for value, text in rows.items() for phrase in phrase_list(text)}
