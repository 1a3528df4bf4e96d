"""Resources: what limits the memory, the CPU and the disk of a whole tree of processes, and how much it uses."""
