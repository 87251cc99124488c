"""ChRIS on Kubernetes: an operator that runs medical-image programs."""
