"""Many requests to one server at once: answers in any order, and an end where nothing more can be done."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.vlm_server import VlmServer

MOST_FAILED = 5  # in a row without an answer: the server is gone, or cannot see


class ServedAnswer(Protocol):
    """What came of one request: `by_server` if the server failed it, and `sentence` why."""

    @property
    def by_server(self) -> bool:
        """Whether the server failed it."""

    @property
    def sentence(self) -> str:
        """Why it failed, "" if it did not."""


def answered[Request, Answer: ServedAnswer](
    requests: Iterable[Request], answer: Callable[[Request], Answer], server: VlmServer, things: str
) -> Iterator[Answer]:
    """Give `answer(request)` as soon as it is there, in any order; as many at once as the server may be asked.

    Args:
        requests: Taken as they are needed.
        answer: Runs in a thread; raises `FineVLAError` when nothing more can be done.
        server: It is stopped if the caller leaves early.
        things: What the requests are of, for the sentence about `MOST_FAILED` in a row.

    Raises:
        FineVLAError: What `answer` raised, or that too many failed in a row, after the answers to what was under way.
    """
    todo, stopped, failed_in_a_row = iter(requests), None, 0
    with ThreadPoolExecutor(server.options.concurrency, "vlm") as pool:
        running: set[Future[Answer]] = set()
        try:
            while True:
                while stopped is None and len(running) < server.options.concurrency:
                    try:
                        request = next(todo)
                    except StopIteration:
                        break
                    running.add(pool.submit(answer, request))
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    running.remove(future)
                    try:
                        found = future.result()
                    except FineVLAError as error:
                        stopped = stopped or error
                        continue
                    failed_in_a_row = failed_in_a_row + 1 if found.by_server else 0
                    if failed_in_a_row >= MOST_FAILED and stopped is None:
                        stopped = FineVLAError(f"{MOST_FAILED} {things} in a row failed; the last: {found.sentence}")
                    yield found
        finally:
            if running:
                server.stop()
    if stopped is not None:
        raise stopped
