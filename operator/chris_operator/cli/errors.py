"""The one error that users see: object, rule, value and remedy in one line, never a traceback."""


class UserError(Exception):
    """What keeps a command from being done, in words for whoever typed it."""


class NotFoundError(UserError):
    """The cluster has no such object."""


class ForbiddenError(UserError):
    """The cluster's rules do not let this user do it."""
