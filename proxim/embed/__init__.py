"""What an application that embeds a node gets from it without a socket: a host, and events."""
