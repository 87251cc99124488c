"""One real Swift for all of staging's tests, and a storage client on it."""

from tests.staging.fixtures import nothing_runs_on, storage, swift

__all__ = ["nothing_runs_on", "storage", "swift"]
