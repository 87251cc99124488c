"""Writing files so that a reader, or the next command after a crash, never sees half of one."""

from pathlib import Path


def write(target: Path, text: str) -> None:
    """Write a file atomically, making its directory."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.new")
    draft.write_text(text)
    draft.replace(target)
