"""Ours beside a named peer, in one run on one machine; nothing here is asserted by a test."""
