"""Layer 2: the agent SDK."""
