"""shelly"""
