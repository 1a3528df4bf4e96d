"""What is usual: learned from the calls themselves, in bounded memory."""
