"""What cannot run as it is set up."""


class Unusable(Exception):
    """The text is the one line to show: what is wrong, where, how to mend it. The command exits with 2."""
