"""What the pages of systems are made of: figures and tables."""
