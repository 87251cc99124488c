"""The plugins here are tested in environments of their own by plugins/run_tests.py, never in this one."""

collect_ignore_glob = ["*"]
