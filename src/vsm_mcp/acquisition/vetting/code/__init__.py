"""Code: what an unpacked package contains, read and never imported."""
