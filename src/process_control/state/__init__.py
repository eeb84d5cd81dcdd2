"""What is true now: the small records below the state directory, one file each."""
