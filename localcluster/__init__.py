"""A real one-node Kubernetes for a bare Linux machine: built, started and removed by one command.

`python3 -m localcluster up` needs only the standard library: it runs before any environment exists.
Everything that makes one cluster different from another stands in `config.ClusterConfig`, so that two
can run side by side.
"""
