"""What the box tells of its processes."""

import os
import subprocess
import sys
from pathlib import Path

from localcluster.box import Box

ENDS_BUT_FOR_A_THREAD = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
"""
HERE = Box(os.getpid())


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_process_has_ended_when_its_last_thread_has():
    command = [sys.executable, "-c", ENDS_BUT_FOR_A_THREAD]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        while _state(process.pid) != "Z":
            assert HERE.comm(process.pid)
        assert HERE.comm(process.pid), "its first thread has ended, another one lives"
        assert process.stdin
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert HERE.comm(process.pid) is None
