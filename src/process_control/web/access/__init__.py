"""Who asks, and what they may do: links, logins, tokens, accounts of this host."""
