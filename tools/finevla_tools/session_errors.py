"""What may keep a demonstration from going on, by what helps: wait, start again, other words."""

from finevla_core.errors import FineVLAError


class NotReady(FineVLAError):
    """The stack is not in a state to do what it is asked; `is_final` if that state was waited for, generously."""

    def __init__(self, text: str, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class StackDied(FineVLAError):
    """A process of the stack ended; `is_final` if it was given something that starting it again does not mend."""

    def __init__(self, text: str, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class InstructionRefused(FineVLAError):
    """The policy will not follow these words, and the stack is ready."""


class Interruption(FineVLAError):
    """The person has something else to say."""
