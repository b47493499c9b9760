"""From a checked specification to the files of an agent.

Belongs here: templates, and what may reach them. Does not belong here: judging the result
(``factory_ops.quality``), running it (the sandbox).
"""
