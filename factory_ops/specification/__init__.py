"""From the text of a pack.yaml to a checked specification with the formula that it names or implies.

Belongs here: reading, normalising, judging and resolving a pack. Does not belong here: the model itself
(``greenlang_assets.sdk.pack``, an agent needs it at run time without YAML) and making code of it.
"""
