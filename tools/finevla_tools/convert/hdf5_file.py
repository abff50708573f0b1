"""An HDF5 file from anywhere: nothing outside it is ever read, nothing that is missing is read as zeros.

Links other than plain ones, external and virtual storage, and what says it is larger than the file are refused.
"""

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.pointer_files import refuse_no_content
from finevla_tools.convert import compressed_pictures

MAX_CHUNK = 1 << 28  # bytes that one read may have to unpack; collectors use one picture per chunk
KNOWN_FILTERS = {1, 2, 3, 5, 6, 32000}  # deflate, shuffle, fletcher32, nbit, scaleoffset, lzf: part of every h5py
DEFLATE, VLEN_ENTRY = 1, 16


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, and every complaint of the HDF5 library as one sentence that names it."""
    try:
        import h5py
    except ImportError as error:
        raise FineVLAError("HDF5 files need h5py; run 'make data-setup' first") from error
    refuse_no_content(path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (FineVLAError, GeneratorExit):
        raise
    except Exception as error:  # a broken file makes h5py raise almost anything
        raise DamagedFileError(f"'{path}' is no intact HDF5 file: {compressed_pictures.said(error)}") from error


class Stored:
    """What an open file holds, by name."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self.path = file, path

    def names(self, group: str) -> list[str]:
        """What is in a group; "" is the file itself."""
        found = self.find(group, needed=False, group=True) if group else self._file
        names = [] if found is None else [str(name) for name in found]
        if len(names) > 1000:
            raise FineVLAError(f"'{self.path}': /{group} has {len(names)} entries; that is no episode")
        return names

    def find(self, name: str, needed: bool = True, group: bool = False) -> Any:
        """What is at `name`, by plain links only and stored in this file; None if it is missing and not `needed`."""
        import h5py

        here = self._file
        for part in name.split("/"):
            link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
            if link is None:
                if needed:
                    raise FineVLAError(
                        f"'{self.path}' has no /{name}; the recording is incomplete or of another layout"
                    )
                return None
            if not isinstance(link, h5py.HardLink):
                raise FineVLAError(f"'{self.path}': /{name} is a link to elsewhere, which is not followed")
            here = here[part]
        if group != isinstance(here, h5py.Group) or not isinstance(here, h5py.Group | h5py.Dataset):
            if not needed:
                return None
            raise FineVLAError(f"'{self.path}': /{name} is not a data set")
        if not group:
            self._check_storage(here, name)
        return here

    def _check_storage(self, found: Any, name: str) -> None:
        where = f"'{self.path}': /{name}"
        if found.shape is None or found.dtype.kind not in "fiuSOb":
            raise FineVLAError(f"{where} holds neither numbers nor text nor pictures")
        if found.external or found.is_virtual:
            raise FineVLAError(f"{where} keeps its data in another file, which is not followed")
        if found.dtype.kind == "O" and (_vlen(found.dtype) is None):
            raise FineVLAError(f"{where} holds references, which are not followed")
        plist = found.id.get_create_plist()
        filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
        if odd := filters - KNOWN_FILTERS:
            raise FineVLAError(
                f"{where} is packed by HDF5 filter {min(odd)}, which is not supported; repack it with gzip"
            )
        if found.chunks is None:
            is_whole = found.id.get_storage_size() >= found.size * found.dtype.itemsize or not found.size
        else:
            if np.prod(found.chunks, dtype=float) * found.dtype.itemsize > MAX_CHUNK:
                raise FineVLAError(
                    f"{where} is stored in pieces of over {MAX_CHUNK >> 20} MiB; repack it in smaller ones"
                )
            pieces = [-(-rows // size) for rows, size in zip(found.shape, found.chunks, strict=True)]
            is_whole = found.id.get_num_chunks() == np.prod(pieces, dtype=float)
        if not is_whole:  # HDF5 would give zeros for what is not there
            raise DamagedFileError(f"{where} was not wholly written; the recording broke off")
        if found.dtype.kind == "O":
            self._check_lengths(found, where, filters)

    def _check_lengths(self, found: Any, where: str, filters: set[int]) -> None:
        """Refuse data of variable length that say they are larger than the file: HDF5 would reserve that much for them."""
        if filters - {DEFLATE}:
            raise FineVLAError(f"{where} is of variable length and packed other than by gzip; repack it without")
        size = self.path.stat().st_size
        total = 0
        for entries in self._stored_entries(found, where, bool(filters)):
            lengths = np.frombuffer(entries, "<u4")[:: VLEN_ENTRY // 4]
            total += int(lengths.sum(dtype=np.uint64))
            if total > size:
                raise DamagedFileError(f"{where} says it is larger than the whole file; the file is broken")

    def _stored_entries(self, found: Any, where: str, is_deflated: bool) -> Iterator[bytes]:
        """As they are in the file: length (4 bytes), where the data are (8) and their number there (4)."""
        with self.path.open("rb") as raw:
            if found.chunks is None:
                raw.seek(found.id.get_offset() or 0)
                yield _whole(raw.read(found.size * VLEN_ENTRY))
                return
            most = int(np.prod(found.chunks, dtype=np.int64)) * VLEN_ENTRY
            for i in range(found.id.get_num_chunks()):
                chunk = found.id.get_chunk_info(i)
                raw.seek(chunk.byte_offset)
                data = raw.read(min(chunk.size, most + 1024))
                yield _whole(zlib.decompressobj().decompress(data, most) if is_deflated else data)


def _whole(entries: bytes) -> bytes:
    return entries[: len(entries) // VLEN_ENTRY * VLEN_ENTRY]


def _vlen(dtype: np.dtype[Any]) -> Any:
    import h5py

    return h5py.check_string_dtype(dtype) or (h5py.check_vlen_dtype(dtype) == np.uint8 or None)


def text(value: Any) -> str:
    """Return a string or UTF-8 bytes as stripped text; "" for any other type."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 \n\t")
    return value.strip() if isinstance(value, str) else ""
