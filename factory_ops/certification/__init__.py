"""Certificates: which digests the factory vouches for, signed.

Belongs here: what is certified and how it is verified. Does not belong here: keys (the Signer port).
"""
