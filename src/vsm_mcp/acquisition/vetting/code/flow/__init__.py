"""Flow: values followed from source to use, without running anything."""
