"""One file out of a zip that a stranger made: in memory, within limits."""

from __future__ import annotations

import io
import zipfile
import zlib

_ENTRIES = 100
_ENTRY = b"PK\x01\x02"  # begins each entry of a zip's directory
# others are decompressed by zipfile without a limit
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def member(content: bytes, name: str, *, limit: int) -> bytes:
    """The content of the one file of this name.

    Args:
        content: the zip.
        name: the whole name of the file in it.
        limit: bytes that the file may have.

    Raises:
        ValueError: it is no zip, has too many files, or has not one such file within the limit.
    """
    if content.count(_ENTRY) > _ENTRIES:  # before all of them become objects
        raise ValueError(f"the zip has more than {_ENTRIES} files")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [one for one in archive.infolist() if one.filename == name]
            if len(found) != 1 or found[0].compress_type not in _KINDS:
                raise ValueError(f"the zip has not one readable {name}")
            with archive.open(found[0]) as stream:
                read = stream.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ValueError(f"the zip cannot be read: {error}") from error
    if len(read) > limit:
        raise ValueError(f"{name} in the zip is larger than {limit >> 20} MiB")
    return read
