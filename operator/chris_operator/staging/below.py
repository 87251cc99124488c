"""Files below a directory, reached part by part through descriptors: never through a link, however deep."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from chris_operator.staging.errors import StagingError

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Below:
    """One thread's view below a directory. It keeps the last directory open, since neighbours follow."""

    def __init__(self, root: str) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._parts: Sequence[str] = ()
        self._directory = self._root

    def open(self, path: str, flags: int, mode: int = 0o644) -> int:
        """A descriptor of the file `path`; directories are made where `flags` has O_CREAT."""
        *parts, name = path.split("/")
        directory = self.directory(parts, create=bool(flags & os.O_CREAT))
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)

    def open_readable(self, path: str) -> int:
        """A descriptor of an existing file for reading; made readable first where it is ours but not so."""
        flags = os.O_RDONLY | os.O_NONBLOCK
        try:
            return self.open(path, flags)
        except PermissionError:
            *parts, name = path.split("/")
            os.chmod(name, 0o600, dir_fd=self.directory(parts))
            return self.open(path, flags)

    def directory(self, parts: Sequence[str], *, create: bool = False) -> int:
        """A descriptor of a directory; it stays ours and lives until the next call."""
        if parts != self._parts:
            self._leave()
            self._directory = self._descend(parts, create=create)
            self._parts = parts
        return self._directory

    def _descend(self, parts: Sequence[str], *, create: bool) -> int:
        current = self._root
        for part in parts:
            try:
                following = self._enter(current, part, create=create)
            finally:
                if current != self._root:
                    os.close(current)
            current = following
        return current

    @staticmethod
    def _enter(directory: int, name: str, *, create: bool) -> int:
        try:
            return os.open(name, DIRECTORY, dir_fd=directory)
        except FileNotFoundError:
            if not create:
                raise
        with suppress(FileExistsError):  # another thread was faster
            os.mkdir(name, 0o755, dir_fd=directory)
        return os.open(name, DIRECTORY, dir_fd=directory)

    def _leave(self) -> None:
        if self._directory != self._root:
            os.close(self._directory)
        self._directory, self._parts = self._root, ()

    def close(self) -> None:
        """Give the descriptors back."""
        self._leave()
        os.close(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


FILE_CODES = {
    errno.ENOSPC: ("NoSpace", "the volume is full"),
    errno.EDQUOT: ("NoSpace", "the volume's quota is used up"),
    errno.EFBIG: ("NoSpace", "the volume takes no files of this size"),
    errno.EEXIST: ("PathConflict", "two inputs have a file of the same path"),
    errno.EISDIR: ("PathConflict", "a file of one input is a directory of another"),
    errno.ENOTDIR: ("PathConflict", "a directory of one input is a file of another"),
    errno.ENAMETOOLONG: ("NameTooLong", "a name is longer than 255 bytes"),
    errno.EMFILE: ("OutputTooDeep", "directories are nested too deep"),
    errno.EACCES: ("FileUnreadable", "a file's permissions do not let it be read"),
    errno.EPERM: ("FileUnreadable", "a file's permissions do not let it be read"),
}


@contextmanager
def file_errors(path: str, *, line: int | None = None) -> Iterator[None]:
    """Turn errors of the operating system about a file into a StagingError that names it in the log only."""
    try:
        yield
    except OSError as error:
        code, message = FILE_CODES.get(error.errno or 0, ("Internal", f"file error {error.errno}"))
        raise StagingError(code, message, line=line, detail=f"{path!r}: {error.strerror}") from error
