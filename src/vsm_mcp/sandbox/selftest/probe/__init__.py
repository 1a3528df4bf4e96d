"""The program that runs inside the sandbox and attacks it: standard library only, for any Python from 3.9."""
