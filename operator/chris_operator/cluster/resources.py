"""Where the kinds that we read or write live on the API server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind lives on the API server."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version`, or the bare version of the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
        """URL path of a collection, an object or its subresource."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return "/".join(part for part in (root + place, self.plural, name, sub) if part)


GROUP, VERSION = "chrisproject.org", "v1alpha1"
PLUGINS = Resource(GROUP, VERSION, "plugins", "Plugin", namespaced=False)
FEEDS = Resource(GROUP, VERSION, "feeds", "Feed")
INSTANCES = Resource(GROUP, VERSION, "plugininstances", "PluginInstance")
PIPELINES = Resource(GROUP, VERSION, "pipelines", "Pipeline")
WORKFLOWS = Resource(GROUP, VERSION, "workflows", "Workflow")
COMPUTE_RESOURCES = Resource(GROUP, VERSION, "computeresources", "ComputeResource", namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("", "v1", "events", "Event")
JOBS = Resource("batch", "v1", "jobs", "Job")
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
