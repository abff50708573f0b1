"""Who may command the arms: one client at a time, and nobody is left holding them.

A client whose motion was ended from outside - a stop, a stop word, a cleared instruction - must give authority up before it
may take it again: one that did not notice the end cannot go on.
"""

from collections import OrderedDict

from finevla_core.safety.plan import NS

REMEMBERED = 64  # clients that were dismissed


class CommandAuthority:
    """`client` has it (empty = nobody); `is_taken` if it asked by name, and did not just send the first chunk."""

    def __init__(self, idle_s: float, taken_idle_s: float) -> None:
        """Free it from a client that was silent at rest for `idle_s`, or for `taken_idle_s` if it asked by name."""
        self.client, self.is_taken = "", False
        self.mover = ""  # whose chunk was followed last
        self._idle_s, self._taken_idle_s = idle_s, taken_idle_s
        self._heard_ns = 0
        self._dismissed: OrderedDict[str, str] = OrderedDict()  # why, by client

    def take(self, client: str, now_ns: int, is_following: bool) -> tuple[bool, str]:
        """Give it to `client` if nobody has it; whether, and a sentence."""
        if why := self._dismissed.get(client):
            return False, f"the motion has ended: {why} ('{client}' must give up authority before it asks again)"
        if self.client not in ("", client) and not self.is_free(now_ns, is_following):
            return False, f"'{self.client}' has command authority; it must give it up, or its motion must end"
        self.client, self.is_taken, self._heard_ns = client, True, now_ns
        return True, f"'{client}' has command authority"

    def give_up(self, client: str) -> tuple[bool, str]:
        """Take it from `client`; whether it had it, and a sentence."""
        self._dismissed.pop(client, None)
        if client != self.client:
            holder = f"'{self.client}' has" if self.client else "nobody has"
            return False, f"'{client}' has no command authority; {holder}"
        self.client, self.is_taken = "", False
        return True, "nobody has command authority"

    def dismiss(self, why: str) -> None:
        """Take it from whoever has it; what a client that asked by name was about to do has ended."""
        if self.is_taken:
            self._dismissed[self.client] = why
            while len(self._dismissed) > REMEMBERED:
                self._dismissed.popitem(last=False)
        self.client, self.is_taken = "", False

    def moved(self, client: str, now_ns: int) -> None:
        """Note that a chunk of `client` is followed; it has authority now, if nobody had."""
        self.is_taken = self.is_taken and client == self.client
        self.client, self.mover, self._heard_ns = client, client, now_ns

    def is_free(self, now_ns: int, is_following: bool) -> bool:
        """Whether anybody may take it: nobody has it, or who has it has been silent at rest."""
        timeout_s = self._taken_idle_s if self.is_taken else self._idle_s
        is_idle = (now_ns - self._heard_ns) * NS > timeout_s
        return not self.client or (is_idle and not is_following)
