"""The one exception of this package."""


class ClusterError(Exception):
    """Something the user must know: the object, the rule it breaks and what to do about it."""
