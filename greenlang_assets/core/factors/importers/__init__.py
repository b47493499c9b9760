"""One module per publisher: its file in, factor rows with citations out.

Belongs here: reading a publisher's own file, in the publisher's layout, refusing every other layout.
Does not belong here: writing our tables (``factors.tables``), finding a factor (``factors.catalogue``).
"""
