"""Which cluster and which namespace: the options that every command takes."""

import argparse

from chris_operator.cli.kubectl import Kubectl


def located(parser: argparse.ArgumentParser) -> None:
    """Let a command be told where to look."""
    parser.add_argument("-n", "--namespace", help="namespace (default: that of the current context)")
    parser.add_argument("--context", help="context of the kubeconfig")
    parser.add_argument("--kubeconfig", help="kubeconfig file")


def connected(options: argparse.Namespace) -> Kubectl:
    """Kubectl as the options tell."""
    return Kubectl.of(options.namespace, options.context, options.kubeconfig)
