"""The command line ``cardiac-motion``: one file a command."""
