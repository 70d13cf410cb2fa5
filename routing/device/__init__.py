"""What is shown of one device: its values now or at a moment, trends, what holds its memory, what went wrong."""
