"""Published weights by name, and hubs: where they are, what is known of them, how they are had."""
