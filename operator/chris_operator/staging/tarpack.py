"""The arithmetic of packs: plain uncompressed tar archives that `tar x` of GNU, BSD and busybox reads.

A pack is written in one stream of known length; a reader takes files out by offset, so the headers are only
for people with `tar`. Names are bytes of any kind and length: longer ones than the header has room for
precede it as a GNU long-name record.
"""

BLOCK = 512
NAME_BYTES = 100
END = bytes(2 * BLOCK)
LONG_NAME = b"L"
REGULAR = b"0"


def padding(size: int) -> int:
    """How many zeros follow `size` bytes to fill the last block.

    >>> [padding(size) for size in (0, 1, 512, 513)]
    [0, 511, 0, 511]
    """
    return -size % BLOCK


def header_bytes(name: bytes) -> int:
    """How long the header of a file is."""
    if len(name) <= NAME_BYTES:
        return BLOCK
    return 2 * BLOCK + len(name) + 1 + padding(len(name) + 1)


def member_bytes(name: bytes, size: int) -> int:
    """How much of a pack a file takes: header, content, padding."""
    return header_bytes(name) + size + padding(size)


def header(name: bytes, size: int) -> bytes:
    """What precedes a file's content: readable by all, of nobody, at the epoch."""
    if len(name) <= NAME_BYTES:
        return _block(name, size, REGULAR)
    record = name + b"\0"
    long_name = _block(b"././@LongLink", len(record), LONG_NAME) + record + bytes(padding(len(record)))
    return long_name + _block(name[:NAME_BYTES], size, REGULAR)


def _block(name: bytes, size: int, kind: bytes) -> bytes:
    """One header block in GNU format. Its checksum counts itself as eight blanks."""
    fields = [
        name.ljust(NAME_BYTES, b"\0"),
        b"0000644\0",
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % size,
        b"00000000000\0",
        b"        ",
        kind,
        bytes(100),
        b"ustar  \0",
    ]
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
