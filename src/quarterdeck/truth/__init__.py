"""What we know, how old it is, who says so, and what follows from it.

Pure: nothing in this package opens a file, asks a clock or talks to a network.
Whatever it needs of the world comes in as an argument, the moment (``now``) included.
"""
