"""What mlgitops says to GitHub."""
