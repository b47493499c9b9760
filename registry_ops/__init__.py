"""Layer 4: the command line today; registry, lifecycle, governance and deployment as they arrive."""
