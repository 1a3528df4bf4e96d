"""Control groups: the kernel limits a whole tree, in a directory of ours or in one that systemd makes."""
