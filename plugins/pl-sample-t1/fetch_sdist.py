"""Fetch a pinned source distribution without running any of its code.

`pip download` would prepare the package's metadata, which runs its setup. pip's own finder, asked directly,
gives the same file from whatever index, mirror, proxy or certificate this machine's pip is configured for.
It is not a stable interface; it has had this form from pip 20 on, and the checksum guards the result.
"""

import argparse
import hashlib
import sys
from optparse import Values
from pathlib import Path

from pip._internal.commands.download import DownloadCommand
from pip._vendor.packaging.specifiers import SpecifierSet

CHUNK = 1 << 20


class FetchCommand(DownloadCommand):
    """`pip download` up to the point where it knows the address: then only the file is saved."""

    def run(self, options: Values, args: list[str]) -> int:
        """Save the sdist of args `NAME VERSION` as args[2]; exit code 0, or 1 with a message."""
        name, version, target = args
        session = self.get_default_session(options)
        finder = self._build_package_finder(options, session)
        best = finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
        if best is None:
            print(f"the package index has no source distribution of {name} {version}", file=sys.stderr)
            return 1
        with Path(target).open("wb") as file:
            if best.link.is_file:
                file.write(Path(best.link.file_path).read_bytes())
            else:
                answer = session.get(best.link.url_without_fragment, stream=True)
                answer.raise_for_status()
                file.writelines(answer.iter_content(CHUNK))
        return 0


def main() -> None:
    """Fetch, compare the checksum, and only then let the file have its name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path, help="a file with the one line NAME==VERSION --hash=sha256:SUM")
    parser.add_argument("target", type=Path, help="where to save it")
    options = parser.parse_args()
    requirement, _, expected = options.lock.read_text().strip().partition(" --hash=sha256:")
    part = options.target.with_name(options.target.name + ".part")
    command = FetchCommand("fetch", "save a source distribution")
    if code := command.main(["--no-binary", ":all:", *requirement.split("=="), str(part)]):
        sys.exit(code)
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        sys.exit(f"{requirement}: its source distribution has sha256 {found}, not {expected}: refused")
    part.rename(options.target)


if __name__ == "__main__":
    main()
