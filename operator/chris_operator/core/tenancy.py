"""Whether a namespace may have anything run in it."""

from . import names
from .observed import Tenant
from .phases import Reason


def objection(tenant: Tenant) -> tuple[Reason, str] | None:
    """Why nothing may run in a namespace, in words that name the remedy; None where it may."""
    if tenant.user is None:
        words = f"namespace {tenant.namespace} works for no user: an administrator must label it "
        return Reason.NOT_A_TENANT, f"{words}{names.USER_LABEL}=<user> before runs start here"
    if tenant.rival:
        words = f"namespace {tenant.namespace} claims user {tenant.user!r}, whose home belongs to the older "
        remedy = f"namespace {tenant.rival}: an administrator must change one of the two labels"
        return Reason.TENANT_CONFLICT, words + remedy
    return None
