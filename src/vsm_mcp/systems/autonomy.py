"""The levels of autonomy."""

from enum import IntEnum


class Autonomy(IntEnum):
    """How far the system may go by itself.

    ``OBSERVE`` measures gaps. ``SUGGEST`` also looks for servers and names them. ``APPROVE`` acquires what a human
    approves. ``AUTO`` acquires by itself. Every level stays inside the allow list, the budget and the sandbox.
    """

    OBSERVE = 0
    SUGGEST = 1
    APPROVE = 2
    AUTO = 3
