"""Regular expressions of users over names of files, in a process of their own.

Python's `re` may take for ever over an expression made for that, and holds everything else up meanwhile. So this file is
also a program: it may use so many seconds of CPU and is then stopped by the kernel.
"""

import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence

CPU_SECONDS = 10
Question = tuple[str, Sequence[str]]
"""An expression, and the texts in which it is searched."""


class TooSlowError(Exception):
    """The expressions took longer than they may; the message is for the user."""


def found(questions: Sequence[Question], *, cpu_seconds: int = CPU_SECONDS) -> list[set[int]]:
    """For each question the numbers (from 0) of the texts in which its expression is found."""
    if all(not expression for expression, _ in questions):
        return [set(range(len(texts))) for _, texts in questions]
    done = subprocess.run(
        [sys.executable, "-I", __file__, str(cpu_seconds)],
        input=json.dumps([[expression, list(texts)] for expression, texts in questions]).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise TooSlowError(
            f"searching for the expressions took more than {cpu_seconds} s: write simpler ones, without repetitions "
            "of repetitions"
        )
    done.check_returncode()
    return [set(numbers) for numbers in json.loads(done.stdout)]


def _search(questions: Sequence[Question]) -> list[list[int]]:
    answers = []
    for expression, texts in questions:
        search = re.compile(expression).search
        answers.append([number for number, text in enumerate(texts) if search(text)])
    return answers


def main() -> None:
    """Answer the questions on standard input, within the seconds that are the argument."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    sys.stdout.write(json.dumps(_search(json.load(sys.stdin))))


if __name__ == "__main__":
    main()
