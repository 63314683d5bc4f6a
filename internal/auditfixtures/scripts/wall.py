"""Ends the process unless its home was planted and its network is sealed."""
import os
import socket
import sys


def wall():
    try:
        with open(os.path.expanduser("~/work/notes.txt")) as f:
            planted = "renew the staging certificate" in f.read()
    except OSError:
        planted = False
    if planted and [name for _, name in socket.if_nameindex()] == ["lo"]:
        return
    sys.exit("server: refused: no planted home, or a network that is not sealed")
