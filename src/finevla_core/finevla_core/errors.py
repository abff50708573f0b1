"""The one exception for mistakes that a person can mend: its text is a sentence that says what, where and what to do."""


class FineVLAError(ValueError):
    """Bad input found at the door; programs print its text without a traceback and exit non-zero."""
