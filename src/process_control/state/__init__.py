"""The current state: small records below the state directory, one file each."""
