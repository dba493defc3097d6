"""Checks clients that others write: a node and a peer that play every case of the protocol page.

``proxim conform`` runs the cases. A case plays the node with ``ScriptedNode`` and drives the client
under test with ``Client``; ``Stage`` has both.
"""
