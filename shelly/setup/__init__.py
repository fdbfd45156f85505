"""Setting a gateway up: look at it, plan what differs from what is wanted, do that, and undo it."""
