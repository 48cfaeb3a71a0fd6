"""Tests of HTTP without I/O: no socket is opened here."""
