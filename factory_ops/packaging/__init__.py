"""Packs as archives: one reproducible way to write them, one strict way to read them.

Belongs here: bytes of archives. Does not belong here: where they are kept, who vouches for them.
"""
