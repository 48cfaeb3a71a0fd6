"""The proof of ssewire. Helpers are imported as `tests.NAME`, from the repository's root."""
