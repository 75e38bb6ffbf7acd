"""A forge to develop against: small, stateful, over real bare git repositories, with the manners of Gitea and Forgejo.

Nothing in it is real, and it guards nothing: it is for the demo and for tests, and listens on loopback alone.
"""
