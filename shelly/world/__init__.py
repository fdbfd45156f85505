"""Rooms, sensors, radio and gateways that exist only here: a pure function of scenario, seed and start."""
