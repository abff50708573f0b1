"""Which values of a longer row are the robot's, as a user writes it."""

from finevla_core.errors import FineVLAError


def places_of(text: str) -> tuple[int, ...]:
    """Return places written as `0-6,13-19`; raises `FineVLAError` if they are none, or one is there twice."""
    found: list[int] = []
    for part in text.split(",") if text else ():
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last or first).isdecimal() or not int(first) <= int(last or first) < 256:
            raise FineVLAError(f"--arm-values '{text[:60]}' is no list of places from 0, as 0-13 or 0-6,13-19")
        found += range(int(first), int(last or first) + 1)
    if len(set(found)) < len(found):
        raise FineVLAError(f"--arm-values '{text[:60]}' names a place twice")
    return tuple(found)
