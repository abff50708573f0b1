"""Who may command the arms: one client at a time, and nobody is left holding them.

Authority that a client took by name stays taken until it is given back, by the client or by anybody in its name, until a stop,
or until the client's node is gone. A client whose motion was ended from outside - a stop, a stop word, a cleared
instruction - must give authority up before it may move again: one that did not notice the end cannot go on.
"""

from collections import OrderedDict
from collections.abc import Collection

from finevla_core.errors import quoted
from finevla_core.time_units import S_PER_NS

REMEMBERED = 64  # clients that were dismissed
MAX_CLIENT = 256  # characters: ROS allows a node's name no more
GONE_AFTER = 3  # looks at the graph without its node, one a second: discovery may lose a node for a moment
GIVE_BACK = "give it back (service safety/authority, with this client and release: true)"


class CommandAuthority:
    """`client` has it (empty = nobody); `is_taken` if it asked by name, and did not just send the first chunk."""

    def __init__(self, idle_s: float) -> None:
        """Free it from a client that did not ask by name and was silent at rest for `idle_s`."""
        self.client, self.is_taken = "", False
        self.mover = ""  # whose chunk was followed last
        self._idle_s = idle_s
        self._heard_ns = 0
        self._unseen: int | None = None  # looks at the graph since its node was seen; None = it never was
        self._is_told = False
        self._dismissed: OrderedDict[str, str] = OrderedDict()  # why, by client

    @property
    def may_move(self) -> bool:
        """Whether its holder asked by name, and nothing has ended its motion since."""
        return self.is_taken and self.client not in self._dismissed

    def take(self, client: str, now_ns: int, is_following: bool) -> tuple[bool, str]:
        """Give it to `client` if nobody has it; whether, and a sentence."""
        if why := _unfit(client):
            return False, why
        if client in self._dismissed:
            why = self._dismissed[client]
            return False, f"the motion has ended: {why} ('{client}' must give up authority before it asks again)"
        if self.client not in ("", client) and not self.is_free(now_ns, is_following):
            how = f"it must {GIVE_BACK}" if self.is_taken else "it must give it up, or its motion must end"
            return False, f"'{self.client}' has command authority; {how}"
        if (self.client, self.is_taken) != (client, True):
            self._unseen, self._is_told = None, False
        self.client, self.is_taken, self._heard_ns = client, True, now_ns
        return True, f"'{client}' has command authority until it gives it back"

    def give_up(self, client: str) -> tuple[bool, str]:
        """Take it from `client`; whether it had it, and a sentence."""
        if why := _unfit(client):
            return False, why
        self._dismissed.pop(client, None)
        if client != self.client:
            holder = f"'{self.client}' has" if self.client else "nobody has"
            return False, f"'{client}' has no command authority; {holder}"
        was_taken, self.client, self.is_taken = self.is_taken, "", False
        if was_taken:
            return True, "nobody has command authority"
        return (
            True,
            f"nobody has command authority; '{client}' has it again with its next chunk, unless another takes it",
        )

    def end_motion(self, why: str) -> None:
        """What the holder was about to do has ended; one that asked by name keeps others out until it gives it back."""
        if self.is_taken:
            self._dismissed[self.client] = why
            while len(self._dismissed) > REMEMBERED:
                self._dismissed.popitem(last=False)
        else:
            self.client = ""

    def dismiss(self, why: str) -> None:
        """Take it from whoever has it; what a client that asked by name was about to do has ended."""
        self.end_motion(why)
        self.client, self.is_taken = "", False

    def moved(self, client: str, now_ns: int) -> None:
        """Note that a chunk of `client` is followed; it has authority now, if nobody had."""
        self.is_taken = self.is_taken and client == self.client
        self.client, self.mover, self._heard_ns = client, client, now_ns

    def is_free(self, now_ns: int, is_following: bool) -> bool:
        """Whether anybody may take it: nobody has it, or who has it just sent a chunk, and was silent at rest since."""
        is_idle = (now_ns - self._heard_ns) * S_PER_NS > self._idle_s
        return not self.client or (is_idle and not is_following and not self.is_taken)

    def see_nodes(self, nodes: Collection[str]) -> tuple[str, str]:
        """Compare the holder with the nodes in the graph, about once a second; code and sentence, "" if all is well.

        "authority.gone" for one whose node has gone: it must be released. A name that never was a node's is told once.
        """
        if not self.is_taken:
            return "", ""
        if self.client in nodes:
            self._unseen = 0
            return "", ""
        if self._unseen is not None:
            self._unseen += 1
            if self._unseen >= GONE_AFTER:
                return "authority.gone", f"'{self.client}' is gone; it has no command authority any more"
        elif not self._is_told:
            self._is_told = True
            text = (
                f"'{self.client}' has command authority, but no node has that name: nobody else moves the arms before"
            )
            return "authority.unknown", f"{text} somebody does {GIVE_BACK}"
        return "", ""


def _unfit(client: str) -> str:
    if not client:
        return "a client needs a name: its fully qualified node name"
    if not client.isprintable():
        return f"a client's name is a node's name; {quoted(client)} has signs in it that no name has"
    if len(client) > MAX_CLIENT:
        return f"a client's name has at most {MAX_CLIENT} characters; '{client[:60]}...' has {len(client)}"
    return ""
