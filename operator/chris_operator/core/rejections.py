"""What to do when the cluster takes no pod, Job or Secret of a run: the remedy that follows the cluster's own words."""

import re

_QUOTA = re.compile(r"(?:exceeded|failed) quota: ([^,:]+)")
_LIMIT_RANGE = re.compile(r"(?:maximum|minimum) \S+ usage per |\S+ max limit to request ratio per ")
_POD_SECURITY = "violates PodSecurity"


def with_remedy(words: str, namespace: str) -> str:
    """The cluster's words, and what the user or an administrator does about them.

    >>> with_remedy("forbidden: exceeded quota: small, requested: pods=1", "alice").partition(": ask ")[2]
    'for less, end other runs, or have an administrator raise ResourceQuota small of namespace alice'
    """
    return f"{words.rstrip('.')}: {_remedy(words, namespace)}"


def _remedy(words: str, namespace: str) -> str:
    if quota := _QUOTA.search(words):
        return (
            "ask for less, end other runs, or have an administrator raise "
            f"ResourceQuota {quota[1]} of namespace {namespace}"
        )
    if _LIMIT_RANGE.search(words):
        return (
            f"ask for what the LimitRanges of namespace {namespace} allow, "
            "or have an administrator widen them (they hold for stage-in and publish, too)"
        )
    if _POD_SECURITY in words:
        return (
            "runs keep to the strictest Pod Security, so something changed this pod: an administrator must keep "
            f"injectors and mutating policies off namespace {namespace}"
        )
    return f"have an administrator mend namespace {namespace} or the policies that hold there"
