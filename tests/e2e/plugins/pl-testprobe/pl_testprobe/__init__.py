"""pl-testprobe: three programs that do what a test tells them, right or wrong."""
