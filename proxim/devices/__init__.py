"""Known devices: what a host keeps of each, and how it judges a visit (sealing: Known devices).

The modules are pure: time and random bytes come in as arguments, and a changed record goes out.
"""
