"""Chats, pagers and other services, by the library apprise: the extra `notify`."""
