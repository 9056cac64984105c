"""What modelops says to GitHub."""
