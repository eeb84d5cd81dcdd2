"""The scheduler: the loop that starts what is due, by the launcher, and does the looks of `watch`."""
