"""Where samples go: from the stream in Redis to the latest values and to history in PostgreSQL, and charts of it."""
