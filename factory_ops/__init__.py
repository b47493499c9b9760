"""Layer 3: from a pack specification to a certified agent."""
