"""Numbers as people read them."""

from datetime import timedelta

_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1000


def spoken(length: timedelta) -> str:
    """A duration as kubectl prints ages.

    >>> spoken(timedelta(seconds=92)), spoken(timedelta(hours=30)), spoken(timedelta(seconds=7))
    ('1m32s', '30h0m', '7s')
    """
    seconds = max(int(length.total_seconds()), 0)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"


def size(count: float) -> str:
    """Bytes in powers of 1000.

    >>> size(0), size(1234), size(25_300_000)
    ('0 B', '1.2 kB', '25.3 MB')
    """
    unit = 0
    while count >= _THOUSAND and unit < len(_UNITS) - 1:
        count, unit = count / _THOUSAND, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def plural(count: int, noun: str) -> str:
    """A number and its noun.

    >>> plural(1, "run"), plural(0, "file")
    ('1 run', '0 files')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
