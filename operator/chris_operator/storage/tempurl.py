"""Prefix TempURLs: who holds one may use one method on every object below one prefix, until it expires."""

import hmac
from urllib.parse import quote, urlencode


def sign(key: str, method: str, prefix_path: str, expires: int) -> str:
    """The query string that lets `method` through for every path that starts with `prefix_path`.

    `prefix_path` is `/v1/<account>/<container>/<prefix>` and must end in "/", since `…/1` would also open
    `…/10`; `expires` is seconds since the epoch.

    >>> sign("secret", "GET", "/v1/AUTH_chris/users/a/", 1)[-40:]
    '&temp_url_expires=1&temp_url_prefix=a%2F'
    """
    prefix = object_prefix(prefix_path)
    text = f"{method}\n{expires}\nprefix:{prefix_path}"
    signature = hmac.new(key.encode(), text.encode(), "sha256").hexdigest()
    return urlencode(
        {"temp_url_sig": signature, "temp_url_expires": expires, "temp_url_prefix": prefix},
        quote_via=quote,
        safe="",
    )


def object_prefix(prefix_path: str) -> str:
    """What follows `/v1/<account>/<container>/`; ValueError where the path has another form."""
    parts = prefix_path.split("/", 4)
    if len(parts) < 5 or parts[0] or not parts[4] or not prefix_path.endswith("/"):  # noqa: PLR2004
        raise ValueError(f"{prefix_path!r} is no TempURL prefix; must be /v1/<account>/<container>/<prefix>/")
    return parts[4]
